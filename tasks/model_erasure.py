"""Taking people out of every registered model: its files are replaced in place, and their digest put on record anew.

Whose point is whose no model says. The snapshot of the rows it was fitted on does, so models come before the tables.
A version whose files are being replaced has the tag `erasing`: should the run die between the files and their digest,
the next one does it again and is not refused by the digest.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

import ibis

from models.draws import draw_customers
from models.forgetting import forget_customers
from models.segmenter import FITTING_ROWS, Segmenter
from tasks.destinations import replace_file
from tasks.lake import Lake
from tasks.logs import get_logger
from tasks.model_files import DIGEST_TAG, STATE
from tasks.registry import MODEL, Registry, connect
from tasks.registry_faults import RegistryError, explained
from tasks.segments_model import ARRAYS, META, ModelStateError, digest_files, read_segmenter, write_segmenter

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion

ERASING_TAG = "erasing"


@dataclass(frozen=True, slots=True)
class _Logged:
    """Files of a model, and the version they are of: none, where a run died before it was registered."""

    model_id: str
    location: str
    snapshot_id: str | None
    version: ModelVersion | None


@explained
def erase_from_models(registry: Registry, lake: Lake, names: Sequence[str]) -> int:
    """Take people out of every version, whatever its alias, and of files that never became one.

    Returns:
        of how many models' files something was theirs.

    Raises:
        RegistryError: the registry does not answer, or a version cannot be read.
    """
    client = connect(registry)
    changed = 0
    for model in _list_models(client, registry):
        rows = _find_training_rows(lake, model)
        if rows is not None:
            changed += _erase_model(client, model, rows, names)
        elif model.version is None:
            # Of a run that was undone: nobody uses it, and nobody can say who is in it.
            _discard(model)
        _settle_digest(client, model)
    return changed


def _list_models(client: MlflowClient, registry: Registry) -> list[_Logged]:
    """Every model whose files are there, and what version it is."""
    found = client.search_model_versions(f"name = '{MODEL}'")
    # A version names its model as its source; not every registry tells the id by itself.
    versions = {str(version.source).rpartition("/")[2]: version for version in found}
    experiment = client.get_experiment_by_name(registry.experiment)
    logged, token = [], None
    while experiment is not None:
        page = client.search_logged_models([experiment.experiment_id], page_token=token)
        logged += list(page)
        if not (token := page.token):
            break
    known = {one.model_id for one in logged}
    if lost := [version.version for name, version in versions.items() if name not in known]:
        raise RegistryError(
            f"model version {lost[0]} names files that the registry does not know, so nobody can be taken out of them; "
            "bring the registry back from a backup, or delete the version and its artifacts"
        )
    return [_describe_model(client, one, versions.get(one.model_id)) for one in logged]


def _describe_model(client: MlflowClient, logged: LoggedModel, version: ModelVersion | None) -> _Logged:
    about = client.get_run(logged.source_run_id).data.tags if logged.source_run_id else {}
    return _Logged(logged.model_id, logged.artifact_location, about.get("snapshot_id"), version)


def list_snapshots(lake: Lake, names: Sequence[str]) -> set[str]:
    """The snapshots of training rows that one of these customers is in."""
    if not lake.has("snapshots"):
        return set()
    theirs = lake.table("snapshots").semi_join(_list_people(names), "customer_id")
    return set(theirs.select("snapshot_id").distinct().to_pyarrow()["snapshot_id"].to_pylist())


@explained
def find_versions(registry: Registry, snapshots: Collection[str]) -> list[str]:
    """The versions that were fitted on one of these snapshots, oldest first."""
    found = connect(registry).search_model_versions(f"name = '{MODEL}'")
    return sorted((str(v.version) for v in found if v.tags.get("snapshot_id") in snapshots), key=int)


def _list_people(names: Sequence[str]) -> ibis.Table:
    return ibis.memtable({"customer_id": list(names)}, schema={"customer_id": "string"})


def _find_training_rows(lake: Lake, model: _Logged) -> ibis.Table | None:
    """The rows a model was fitted on: customer_id and factors.

    Of a version whose snapshot was undone with its run they are the factors of its day, which are the same if the run
    was done again; None where there are no such either.
    """
    found: list[ibis.Table] = []
    if lake.has("snapshots"):
        kept = lake.table("snapshots")
        found.append(
            kept.filter(kept.snapshot_id == ibis.literal(model.snapshot_id or "")).drop("snapshot_id")
        )
    if lake.has("features") and model.version is not None and "as_of" in model.version.tags:
        features = lake.table("features")
        day = date.fromisoformat(model.version.tags["as_of"])
        found.append(features.filter(features.as_of == ibis.literal(day)).drop("as_of"))
    return next((rows for rows in found if rows.limit(1).count().execute()), None)


def _erase_model(client: MlflowClient, model: _Logged, rows: ibis.Table, names: Sequence[str]) -> int:
    from mlflow.exceptions import MlflowException

    people = _list_people(names)
    theirs = rows.semi_join(people, "customer_id").to_pandas().set_index("customer_id")
    if theirs.empty:
        return 0
    others = rows.anti_join(people, "customer_id").to_pandas().set_index("customer_id")
    with tempfile.TemporaryDirectory() as scratch:
        try:
            folder = _download(model, Path(scratch))
            _check_files(model, folder)
            segmenter = read_segmenter(folder)
        except (MlflowException, ModelStateError, OSError) as error:
            return _give_up(model, error)
        factors = list(segmenter.factors)
        state = forget_customers(
            segmenter,
            theirs=theirs.reindex(columns=factors),
            others=draw_customers(others, FITTING_ROWS, seed=0).reindex(columns=factors),
        )
        fresh = Path(scratch) / "fresh"
        write_segmenter(Segmenter.from_state(state), fresh)
        if all((fresh / name).read_bytes() == (folder / name).read_bytes() for name in (META, ARRAYS)):
            return 0
        if model.version is not None:
            client.set_model_version_tag(MODEL, str(model.version.version), ERASING_TAG, "true")
        for name in (ARRAYS, META):
            _replace_artifact(client, model, fresh / name)
    get_logger().info("took a person out of the files of model %s", model.model_id)
    return 1


def _check_files(model: _Logged, folder: Path) -> None:
    tags = {} if model.version is None else model.version.tags
    if DIGEST_TAG in tags and ERASING_TAG not in tags and digest_files(folder) != tags[DIGEST_TAG]:
        raise ModelStateError("they are not the files written at training")


def _give_up(model: _Logged, error: Exception) -> int:
    """What cannot be read may hold somebody all the same: files nobody uses go, those of a version must be mended."""
    if model.version is None:
        _discard(model)
        return 0
    raise RegistryError(
        f"model version {model.version.version} cannot be read, so nobody can be taken out of it: "
        f"{' '.join(str(error).split())}; restore its files, or delete the version and its artifacts"
    )


def _discard(model: _Logged) -> None:
    if model.location.startswith("file:"):
        shutil.rmtree(_find_folder(model), ignore_errors=True)


def _settle_digest(client: MlflowClient, model: _Logged) -> None:
    """The digest of what the files are now, for a version whose files were replaced."""
    if model.version is None:
        return
    number = str(model.version.version)
    if ERASING_TAG not in client.get_model_version(MODEL, number).tags:
        return
    with tempfile.TemporaryDirectory() as scratch:
        digest = digest_files(_download(model, Path(scratch)))
    client.set_model_version_tag(MODEL, number, DIGEST_TAG, digest)
    client.delete_model_version_tag(MODEL, number, ERASING_TAG)


def _download(model: _Logged, scratch: Path) -> Path:
    """A copy of the model's state."""
    import mlflow

    target = tempfile.mkdtemp(dir=scratch)
    return Path(mlflow.artifacts.download_artifacts(f"{model.location}/data/{STATE}", dst_path=target))


def _replace_artifact(client: MlflowClient, model: _Logged, file: Path) -> None:
    """Put a file in the place of the one of its name: on this machine at once, else as the store does it."""
    if not model.location.startswith("file:"):
        client.log_model_artifact(model.model_id, str(file), f"data/{STATE}")
        return
    with replace_file(_find_folder(model) / "data" / STATE / file.name) as target:
        target.write_bytes(file.read_bytes())


def _find_folder(model: _Logged) -> Path:
    return Path(url2pathname(urlsplit(model.location).path))
