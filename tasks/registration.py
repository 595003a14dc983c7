"""A training put on record: as an MLflow run with everything that was tried, and as a version of the model."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from models.promotion import GateValues
from tasks.model_files import DIGEST_TAG, STATE
from tasks.registry import CHALLENGER, HIGHEST_ID_TAG, MODEL, Registry, connect
from tasks.registry_faults import explained
from tasks.scoring_wheel import pack_code, pin_libraries
from tasks.segments_model import check_copy, describe_interface, digest_files, write_segmenter

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from models.segmenter import Segmenter


@explained
def register_segmenter(
    registry: Registry,
    segmenter: Segmenter,
    *,
    as_of: date,
    snapshot_id: str,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float | None],
    gates: GateValues,
    candidates: pd.DataFrame,
    input_example: pd.DataFrame,
    trained_at: datetime | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Log a training as a run and its segmenter as a new version with the alias `challenger`.

    Args:
        as_of, snapshot_id: which rows it was fitted on; kept as tags.
        parameters, metrics: of the run; metrics that are unknown are left out.
        gates: what the promotion gate will look at; kept as a tag.
        candidates: every model that was tried, kept as `candidates.csv` of the run and as a nested run each.
        input_example: a few rows of factors. They are not stored, customers do not belong in a registry (the
            stored example is nobody's); the files must give back the same segments for them before the version
            exists.
        trained_at: kept as a tag; now, if not given.
        tags: further tags of the version.

    Returns the version's number.

    Raises:
        ModelStateError: the files do not give back the segmenter.
    """
    import mlflow

    client = connect(registry)
    experiment = mlflow.set_experiment(registry.experiment).experiment_id
    about = {"as_of": str(as_of), "snapshot_id": snapshot_id}
    _end_abandoned(client, experiment, snapshot_id=snapshot_id)
    with (
        tempfile.TemporaryDirectory() as scratch,
        mlflow.start_run(experiment_id=experiment, run_name=f"{MODEL} {as_of}", tags=about) as run,
    ):
        folder = Path(scratch) / STATE
        write_segmenter(segmenter, folder)
        check_copy(segmenter, folder, rows=input_example)
        mlflow.log_params({name: _write_parameter(value) for name, value in parameters.items()})
        mlflow.log_metrics({name: float(value) for name, value in metrics.items() if pd.notna(value)})
        mlflow.log_text(candidates.to_csv(index=False), "candidates.csv")
        _log_candidates(client, run, candidates)
        mlflow.log_dict(segmenter.preparation.describe(), "preparation.json")
        wheel = pack_code(folder)
        model = mlflow.pyfunc.log_model(
            name=MODEL,
            loader_module="tasks.segments_model",
            data_path=str(folder),
            signature=describe_interface(segmenter),
            input_example=segmenter.example,
            pip_requirements=[*pin_libraries(), f"data/{STATE}/{wheel.name}"],
        )
        facts = {
            **about,
            "trained_at": (trained_at or datetime.now(UTC)).isoformat(),
            "algorithm": segmenter.recipe.algorithm,
            "code_version": package_version("segmentwerk"),
            "gates": json.dumps(gates.to_dict()),
            HIGHEST_ID_TAG: str(max(segmenter.ids.values())),
            DIGEST_TAG: digest_files(folder),
        }
    # With its tags in one call: there is never a version without its digest.
    created = client.create_model_version(
        MODEL,
        source=model.model_uri,
        run_id=run.info.run_id,
        model_id=model.model_id,
        tags={**(tags or {}), **facts},
    )
    client.set_registered_model_alias(MODEL, CHALLENGER, str(created.version))
    return str(created.version)


def _end_abandoned(client: MlflowClient, experiment: str, *, snapshot_id: str) -> None:
    """An attempt that died, or lost its server, would seem to run for ever."""
    unfinished = f"tags.snapshot_id = '{snapshot_id}' and attributes.status = 'RUNNING'"
    for run in client.search_runs([experiment], unfinished):
        client.set_terminated(run.info.run_id, "KILLED")


def _log_candidates(client: MlflowClient, parent: Run, candidates: pd.DataFrame) -> None:
    """A nested run each: numbers are metrics, the rest parameters."""
    from mlflow.entities import Metric, Param

    numbers = candidates.select_dtypes("number").columns
    now = int(datetime.now(UTC).timestamp() * 1000)
    for place, row in enumerate(candidates.to_dict("records"), start=1):
        tags = {"mlflow.parentRunId": parent.info.run_id, "mlflow.runName": f"candidate {place}"}
        run_id = client.create_run(parent.info.experiment_id, tags=tags).info.run_id
        known = {name: value for name, value in row.items() if pd.notna(value)}
        client.log_batch(
            run_id,
            metrics=[Metric(str(n), float(v), now, 0) for n, v in known.items() if n in numbers],
            params=[Param(str(n), _write_parameter(v)) for n, v in known.items() if n not in numbers],
        )
        client.set_terminated(run_id)


def _write_parameter(value: object) -> str:
    return str(value) if isinstance(value, str | int | float | bool) else json.dumps(value, default=str)
