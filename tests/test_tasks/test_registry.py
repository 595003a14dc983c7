"""The registry on a real MLflow: what goes in comes out, damage is noticed, a crash leaves one champion."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest

from models.promotion import GateValues
from models.recipes import Recipe
from models.segmenter import Segmenter, fit_segmenter
from tasks.registration import register_segmenter
from tasks.registry import (
    CHALLENGER,
    CHAMPION,
    MODEL,
    PREVIOUS,
    Registry,
    RegistryError,
    find_version,
    list_versions,
    load_segmenter,
    load_version,
    open_registry,
    promote_version,
    read_champion,
    repair_aliases,
    require_factors,
    rollback_champion,
    tag_version,
)
from tasks.segments_model import ARRAYS, META, ModelStateError, SegmentsModel, read_segmenter, write_segmenter

GATES = GateValues(
    segments=3,
    smallest_share=0.2,
    outlier_share=0.0,
    stability=0.9,
    stability_min=float("nan"),
    separation=0.3,
)
TRAINED_AT = datetime(2026, 11, 16, 5, 0, tzinfo=UTC)


def draw_factors(seed: int = 0) -> pd.DataFrame:
    """Three clouds of customers."""
    rng = np.random.default_rng(seed)
    centres = np.repeat([[0.0, 0.0, 0.0], [6.0, 0.0, 3.0], [0.0, 8.0, -3.0]], 40, axis=0)
    index = pd.Index([f"c{n:03d}" for n in range(len(centres))], name="customer_id")
    return pd.DataFrame(
        centres + rng.normal(0, 0.5, centres.shape), index, ["aov", "orders_90d", "trend_revenue"]
    )


@pytest.fixture(scope="module")
def factors() -> pd.DataFrame:
    return draw_factors()


@pytest.fixture(scope="module")
def segmenter(factors: pd.DataFrame) -> Segmenter:
    return fit_segmenter(factors, recipe=Recipe(algorithm="kmeans", parameters={"segments": 3}), seed=0)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return open_registry(tmp_path_factory.mktemp("a shop's home"))


def register(registry: Registry, segmenter: Segmenter, factors: pd.DataFrame, **changes: Any) -> str:
    given: dict[str, Any] = {
        "as_of": date(2026, 11, 15),
        "snapshot_id": uuid4().hex,
        "trained_at": TRAINED_AT,
        "parameters": {"algorithm": "kmeans", "grid": {"segments": [3, 4]}},
        "metrics": {"silhouette": 0.7, "unknown": float("nan"), "missing": None},
        "gates": GATES,
        "candidates": pd.DataFrame({"algorithm": ["kmeans", "hdbscan"], "segments": [3, 4]}),
        "input_example": factors.head(5),
    }
    return register_segmenter(registry, segmenter, **given | changes)


@pytest.fixture
def versions(registry: Registry, segmenter: Segmenter, factors: pd.DataFrame) -> tuple[str, str]:
    """A champion and a challenger that have just been registered."""
    old, new = (register(registry, segmenter, factors) for _each in range(2))
    promote_version(registry, old)
    return old, new


def read_aliases(registry: Registry) -> dict[str, str]:
    import mlflow

    client = mlflow.MlflowClient(registry.tracking_uri, registry.tracking_uri)
    return {alias: str(version) for alias, version in client.get_registered_model(MODEL).aliases.items()}


def find_files(registry: Registry, version: str) -> Path:
    import mlflow

    mlflow.set_tracking_uri(registry.tracking_uri)
    return Path(mlflow.artifacts.download_artifacts(f"models:/{MODEL}/{version}")) / "data" / "state"


def test_from_an_empty_registry_to_the_first_champion(
    tmp_path: Path, segmenter: Segmenter, factors: pd.DataFrame
) -> None:
    registry = open_registry(tmp_path / "home")
    assert load_segmenter(registry, CHAMPION) is None
    assert list_versions(registry).empty
    assert repair_aliases(registry) == ()
    with pytest.raises(RegistryError, match="no champion yet"):
        rollback_champion(registry)
    with pytest.raises(
        RegistryError, match="version 1, which was to become champion, is no longer in the registry"
    ):
        promote_version(registry, "1")

    version = register(registry, segmenter, factors)
    assert read_aliases(registry) == {CHALLENGER: version}
    promote_version(registry, version)
    assert read_aliases(registry) == {CHAMPION: version}
    with pytest.raises(RegistryError, match="version 1 is the first champion"):
        rollback_champion(registry)
    assert (tmp_path / "home" / "mlflow.db").exists()
    assert (tmp_path / "home" / "artifacts").is_dir()
    assert open_registry(tmp_path / "home") == registry
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_a_home_without_a_folder_needs_a_server() -> None:
    with pytest.raises(RegistryError, match="home 's3://shop' is no local folder: set mlflow_tracking_uri"):
        open_registry("s3://shop")


def test_outliers_survive_the_registry(registry: Registry) -> None:
    factors = pd.concat([draw_factors(), draw_factors(1).add_prefix("x", axis=0) * 40.0]).rename_axis(
        "customer_id"
    )
    recipe = Recipe(algorithm="hdbscan", parameters={"share": 0.1, "min_samples": 5})
    segmenter = fit_segmenter(factors, recipe=recipe, seed=0).rename({1: "The many"})
    loaded = load_segmenter(registry, register(registry, segmenter, factors))
    assert loaded is not None
    assigned = loaded.segmenter.assign(factors)
    pd.testing.assert_frame_equal(assigned, segmenter.assign(factors))
    assert assigned["is_outlier"].nunique() == 2
    assert loaded.segmenter.names == {1: "The many"}
    assert loaded.tags["algorithm"] == "hdbscan"


def test_what_goes_in_comes_out(registry: Registry, segmenter: Segmenter, factors: pd.DataFrame) -> None:
    version = register(registry, segmenter, factors, snapshot_id="week 46", tags={"why": "schedule"})
    loaded = load_segmenter(registry, version)
    assert loaded is not None
    pd.testing.assert_frame_equal(loaded.segmenter.assign(factors), segmenter.assign(factors))
    assert loaded.version == version
    assert loaded.tags["trained_at"] == TRAINED_AT.isoformat()
    assert loaded.tags["why"] == "schedule"
    assert loaded.gates is not None
    assert loaded.gates.to_dict() == GATES.to_dict()
    assert find_version(registry, "week 46") == version
    assert find_version(registry, "week 47") is None
    assert load_segmenter(registry, "9999") is None

    tag_version(registry, version, {"decision": "keep"})
    row = list_versions(registry).set_index("version").loc[version]
    assert (row["as_of"], row["algorithm"], row["segments"]) == ("2026-11-15", "kmeans", 3)
    assert row["stability_min"] is None
    json.dumps(row.to_dict(), allow_nan=False)


def test_the_run_has_parameters_metrics_candidates_and_no_customers(
    registry: Registry, segmenter: Segmenter, factors: pd.DataFrame
) -> None:
    import mlflow

    version = register(registry, segmenter, factors)
    client = mlflow.MlflowClient(registry.tracking_uri, registry.tracking_uri)
    run = client.get_run(client.get_model_version(MODEL, version).run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["algorithm"] == "kmeans"
    assert json.loads(run.data.params["grid"]) == {"segments": [3, 4]}
    assert run.data.metrics == {"silhouette": 0.7}
    candidates = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/candidates.csv")
    assert candidates.splitlines() == ["algorithm,segments", "kmeans,3", "hdbscan,4"]
    prepared = json.loads(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/preparation.json"))
    assert prepared["used"] == list(segmenter.preparation.columns)
    assert set(prepared) == {"used", "dropped", "imputed"}
    stored = b"".join(path.read_bytes() for path in find_files(registry, version).parent.parent.rglob("*.*"))
    assert b"c000" not in stored


def test_any_mlflow_client_can_load_the_champion(
    registry: Registry, versions: tuple[str, str], segmenter: Segmenter, factors: pd.DataFrame
) -> None:
    import mlflow

    mlflow.set_tracking_uri(registry.tracking_uri)
    model = mlflow.pyfunc.load_model(f"models:/{MODEL}@{CHAMPION}")
    placed = model.predict(factors)
    pd.testing.assert_frame_equal(placed, SegmentsModel(segmenter).predict(factors))
    pd.testing.assert_frame_equal(placed[["segment_id", "strength", "is_outlier"]], segmenter.assign(factors))
    assert model.metadata.get_output_schema().input_names() == list(placed.columns)
    with pytest.raises(mlflow.exceptions.MlflowException, match="aov"):
        model.predict(factors.drop(columns="aov"))


def test_promotion_moves_every_alias_and_can_be_repeated(
    registry: Registry, versions: tuple[str, str]
) -> None:
    old, new = versions
    assert read_aliases(registry)[CHAMPION] == old
    assert read_aliases(registry)[CHALLENGER] == new
    for _again in range(2):
        promote_version(registry, new)
        assert read_aliases(registry) == {CHAMPION: new, PREVIOUS: old}
    assert repair_aliases(registry) == ()


def test_rollback_brings_the_predecessor_back_once_a_step(
    registry: Registry, versions: tuple[str, str], segmenter: Segmenter, factors: pd.DataFrame
) -> None:
    first, second = versions
    promote_version(registry, second)
    third = register(registry, segmenter, factors)
    promote_version(registry, third)
    assert rollback_champion(registry) == second
    assert read_aliases(registry) == {CHAMPION: second, PREVIOUS: first}
    assert rollback_champion(registry) == first
    assert read_aliases(registry)[CHAMPION] == first
    assert repair_aliases(registry) == ()
    promote_version(registry, third)
    assert read_aliases(registry) == {CHAMPION: third, PREVIOUS: first}
    assert list_versions(registry).set_index("version").loc[third, "rolled_back_at"] is None


def test_a_crash_after_the_intent_to_promote_leaves_the_champion(
    registry: Registry, versions: tuple[str, str]
) -> None:
    import mlflow

    old, new = versions
    client = mlflow.MlflowClient(registry.tracking_uri, registry.tracking_uri)
    before = read_aliases(registry)
    client.set_model_version_tag(MODEL, new, "previous_version", old)
    assert repair_aliases(registry) == (f"version {new} was about to become champion and did not",)
    assert read_aliases(registry) == before
    assert repair_aliases(registry) == ()
    promote_version(registry, new)
    assert read_aliases(registry) == {CHAMPION: new, PREVIOUS: old}


def test_a_crash_after_the_champion_moved_is_finished(registry: Registry, versions: tuple[str, str]) -> None:
    import mlflow

    old, new = versions
    client = mlflow.MlflowClient(registry.tracking_uri, registry.tracking_uri)
    client.set_model_version_tag(MODEL, new, "previous_version", old)
    client.set_registered_model_alias(MODEL, CHAMPION, new)
    assert repair_aliases(registry)
    assert read_aliases(registry) == {CHAMPION: new, PREVIOUS: old}
    assert repair_aliases(registry) == ()


def test_a_crash_before_a_rollback_moved_the_champion_leaves_it(
    registry: Registry, versions: tuple[str, str]
) -> None:
    import mlflow

    old, new = versions
    promote_version(registry, new)
    client = mlflow.MlflowClient(registry.tracking_uri, registry.tracking_uri)
    client.set_model_version_tag(MODEL, new, "rolled_back_at", "2026-11-16")
    assert len(repair_aliases(registry)) == 1
    assert read_aliases(registry) == {CHAMPION: new, PREVIOUS: old}
    assert rollback_champion(registry) == old


def test_a_version_whose_alias_was_never_set_becomes_the_challenger(
    registry: Registry, versions: tuple[str, str]
) -> None:
    import mlflow

    _old, new = versions
    client = mlflow.MlflowClient(registry.tracking_uri, registry.tracking_uri)
    client.delete_registered_model_alias(MODEL, CHALLENGER)
    assert repair_aliases(registry) == (f"alias 'challenger' was nowhere, is {new}",)
    assert read_aliases(registry)[CHALLENGER] == new


@pytest.mark.parametrize("name", [META, ARRAYS])
def test_a_changed_file_fails_closed(registry: Registry, versions: tuple[str, str], name: str) -> None:
    _old, new = versions
    file = find_files(registry, new) / name
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    for act in (load_segmenter, promote_version):
        with pytest.raises(
            RegistryError, match=f"^model version {new} cannot be used: .* not the files written"
        ) as e:
            act(registry, new)
        assert "\n" not in str(e.value)
    assert read_aliases(registry)[CHAMPION] == versions[0]


@pytest.mark.parametrize("name", [META, ARRAYS, "."])
def test_a_missing_file_fails_closed(registry: Registry, versions: tuple[str, str], name: str) -> None:
    import shutil

    old, new = versions
    promote_version(registry, new)
    folder = find_files(registry, old)
    if name == ".":
        shutil.rmtree(folder)
    else:
        (folder / name).unlink()
    with pytest.raises(RegistryError, match=f"^model version {old} cannot be used") as e:
        rollback_champion(registry)
    assert "\n" not in str(e.value)
    assert read_aliases(registry)[CHAMPION] == new


def test_a_format_nobody_knows_fails_closed(tmp_path: Path, segmenter: Segmenter) -> None:
    folder = tmp_path / "state"
    write_segmenter(segmenter, folder)
    meta = json.loads((folder / META).read_text())
    (folder / META).write_text(json.dumps(meta | {"format": 999}))
    with pytest.raises(ModelStateError, match="999"):
        read_segmenter(folder)


def test_pickled_arrays_are_refused(tmp_path: Path, segmenter: Segmenter) -> None:
    folder = tmp_path / "state"
    write_segmenter(segmenter, folder)
    state = segmenter.to_state()
    evil = {name: np.array([{"run": "me"}], dtype=object) for name in state.arrays}
    np.savez(folder / ARRAYS, allow_pickle=True, **evil)
    with pytest.raises(ModelStateError, match="allow_pickle=False"):
        read_segmenter(folder)


def test_a_failed_training_leaves_no_version(
    registry: Registry, segmenter: Segmenter, factors: pd.DataFrame
) -> None:
    import mlflow

    before = len(list_versions(registry))
    with pytest.raises(ValueError, match="could not convert"):
        register(registry, segmenter, factors, metrics={"silhouette": "high"})
    assert len(list_versions(registry)) == before
    assert mlflow.active_run() is None


def test_an_attempt_that_died_is_ended_by_the_next_one(
    registry: Registry, segmenter: Segmenter, factors: pd.DataFrame
) -> None:
    import mlflow

    client = mlflow.MlflowClient(registry.tracking_uri, registry.tracking_uri)
    experiment = mlflow.get_experiment_by_name(registry.experiment)
    assert experiment is not None
    died = client.create_run(experiment.experiment_id, tags={"snapshot_id": "week 48"})
    version = register(registry, segmenter, factors, snapshot_id="week 48")
    assert client.get_run(died.info.run_id).info.status == "KILLED"
    assert client.get_run(client.get_model_version(MODEL, version).run_id).info.status == "FINISHED"


def test_an_alias_or_a_number_on_record_must_lead_somewhere(
    registry: Registry, segmenter: Segmenter, factors: pd.DataFrame
) -> None:
    version = register(registry, segmenter, factors)
    assert load_version(registry, version).version == version
    with pytest.raises(
        RegistryError, match="version 9999, a champion on record, is no longer in the registry"
    ):
        load_version(registry, "9999")


def test_the_champion_is_known_without_its_files(
    registry: Registry, versions: tuple[str, str], segmenter: Segmenter, factors: pd.DataFrame
) -> None:
    import shutil

    shutil.rmtree(find_files(registry, versions[0]))
    assert read_champion(registry) == versions[0]
    with pytest.raises(RegistryError, match="cannot be used"):
        load_segmenter(registry, CHAMPION)


def test_the_factors_a_champion_needs_are_named_when_gone(
    registry: Registry, versions: tuple[str, str], factors: pd.DataFrame
) -> None:
    champion = load_segmenter(registry, CHAMPION)
    require_factors(None, factors)
    require_factors(champion, factors.assign(further=1.0))
    with pytest.raises(
        RegistryError, match=r"not computed now: aov; put them back under \[\[features.factors\]\]"
    ):
        require_factors(champion, factors.drop(columns="aov"))
