"""The model registry: MLflow's model `segments`, whose alias `champion` says which version is in use.

Aliases move one call at a time and a run may die between two of them. So one call is the commit: setting
`champion`. What must outlive it is written before, as a tag of the version that takes over
(`previous_version`) or steps down (`rolled_back_at`); the aliases `previous` and `challenger` follow from the
tags, and `repair_aliases` sets them right at the next start.
"""

from __future__ import annotations

import json
import logging
import os
import re
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from models.promotion import GateValues
from tasks.home import make_home
from tasks.model_files import fetch_files
from tasks.registry_faults import RegistryError, check_database, check_writable, explained, explaining
from tasks.segments_model import ModelStateError, read_segmenter

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from models.segmenter import Segmenter

MODEL = "segments"
CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
SEED_TAG, LINEAGE_TAG, HIGHEST_ID_TAG = "seed", "lineage", "highest_segment_id"
_PREVIOUS_TAG, _ROLLED_BACK_TAG = "previous_version", "rolled_back_at"

# Read by MLflow. Only Prefect retries: with MLflow's own defaults a dead server blocks for minutes. Of a server's runs
# it would print the addresses on standard output, where a command's one JSON object stands.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass(frozen=True, slots=True)
class Registry:
    """Where models are kept: an MLflow and its experiment; without a location, MLflow says where files go."""

    tracking_uri: str
    artifact_location: str | None
    experiment: str = MODEL


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A version out of the registry, its files checked against the digest taken at training."""

    segmenter: Segmenter
    version: str
    tags: Mapping[str, str]
    gates: GateValues | None

    @property
    def seed(self) -> int:
        """What it was fitted with; early versions do not say, and were fitted with 0."""
        return int(self.tags.get(SEED_TAG, "0"))

    def age_on(self, day: date) -> float:
        """Days since the last day of what it was trained on."""
        return float((day - date.fromisoformat(self.tags["as_of"])).days)


def open_registry(home: Path | str, *, tracking_uri: str | None = None) -> Registry:
    """The registry of a shop, created where it does not exist yet.

    It is `mlflow.db` and `artifacts/` in the folder `home`, unless `tracking_uri` names another MLflow.

    Raises:
        RegistryError: `home` is no local folder and there is no tracking URI, or the registry does not answer.
    """
    registry = locate_registry(home, tracking_uri=tracking_uri)
    if not tracking_uri:
        make_home(Path(home))
    with explaining(registry.tracking_uri):
        check_database(registry.tracking_uri)
        _create_missing(connect(registry), registry)
    return registry


def locate_registry(home: Path | str, *, tracking_uri: str | None = None) -> Registry:
    """Where a shop's registry is, whether it is there or not; parameters as for `open_registry`.

    Raises:
        RegistryError: `home` is no local folder and there is no tracking URI.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if tracking_uri:
        return Registry(tracking_uri, None)
    if "://" in str(home):
        raise RegistryError(
            f"home '{home}' is no local folder: set mlflow_tracking_uri to your MLflow server"
        )
    folder = Path(home).resolve()
    return Registry(f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri())


@explained
def load_segmenter(registry: Registry, name: str) -> LoadedModel | None:
    """The version with an alias (`champion`, `challenger`, `previous`) or a number; None if there is none.

    Raises:
        RegistryError: its files are missing or not those that were written at training, or an alias points to a
            version that has been deleted.
    """
    client = connect(registry)
    found = _find(client, name)
    return None if found is None else _load(registry, client, found)


@explained
def load_version(registry: Registry, version: str) -> LoadedModel:
    """The version of a number that is on record somewhere, so it must be there.

    Raises:
        RegistryError: it is not, or its files cannot be trusted.
    """
    client = connect(registry)
    found = _find(client, version)
    if found is None:
        raise _miss(version, "a champion on record")
    return _load(registry, client, found)


def require_factors(model: LoadedModel | None, factors: pd.DataFrame) -> None:
    """Make sure that every factor the champion needs is computed today; further ones do no harm.

    Raises:
        RegistryError: some are not computed any more; they are named.
    """
    needed = model.segmenter.factors if model else ()
    gone = [name for name in needed if name not in factors.columns]
    if model is not None and gone:
        raise RegistryError(
            f"the champion, version {model.version}, needs factors that are not computed now: {', '.join(gone)}; "
            "put them back under [[features.factors]], or use the version of Segmentwerk that trained it"
        )


@explained
def read_champion(registry: Registry) -> str | None:
    """The champion's version, whatever has become of its files; None if there is no champion."""
    return _read_aliases(connect(registry)).get(CHAMPION)


@explained
def promote_version(registry: Registry, version: str) -> None:
    """Make a version the champion. Doing it again changes nothing.

    Raises:
        RegistryError: there is no such version, or its files cannot be trusted.
    """
    client = connect(registry)
    found = _find(client, version)
    if found is None:
        raise _miss(version, "which was to become champion")
    _load(registry, client, found)
    champion = _read_aliases(client).get(CHAMPION)
    if champion != version:
        if champion is not None:
            client.set_model_version_tag(MODEL, version, _PREVIOUS_TAG, champion)
        client.set_registered_model_alias(MODEL, CHAMPION, version)
    repair_aliases(registry)


@explained
def rollback_champion(registry: Registry) -> str:
    """Put the champion's predecessor back in its place and return its version.

    Raises:
        RegistryError: there is no predecessor, or its files cannot be trusted.
    """
    client = connect(registry)
    champion = _find(client, CHAMPION)
    if champion is None:
        raise RegistryError("there is no champion yet; nothing to roll back from")
    number = champion.tags.get(_PREVIOUS_TAG)
    if number is None:
        raise RegistryError(
            f"version {champion.version} is the first champion; there is none to roll back to"
        )
    previous = _find(client, number)
    if previous is None:
        raise RegistryError(f"version {number}, the champion before {champion.version}, has been deleted")
    _load(registry, client, previous)
    client.set_model_version_tag(
        MODEL, str(champion.version), _ROLLED_BACK_TAG, datetime.now(UTC).isoformat()
    )
    client.set_registered_model_alias(MODEL, CHAMPION, number)
    repair_aliases(registry)
    return number


@explained
def repair_aliases(registry: Registry) -> tuple[str, ...]:
    """Undo what a run that died had only intended; let `previous` and `challenger` follow from the champion.

    `previous` is the version the champion took over from; `challenger` the newest version, unless it is the
    champion or was one and stepped down.

    Returns:
        A sentence for everything that was not right.

    Raises:
        RegistryError: the registry cannot be written, or the champion has been deleted.
    """
    check_writable(registry.tracking_uri, registry.artifact_location)
    client = connect(registry)
    versions = {str(version.version): version for version in _list(client)}
    aliases = _read_aliases(client)
    champion = aliases.get(CHAMPION)
    if champion is not None and champion not in versions:
        raise _miss(champion, "the champion")
    done = _drop_intents(client, versions, champion)
    before = versions[champion].tags.get(_PREVIOUS_TAG) if champion else None
    newest = next(iter(versions), None)
    stepped_down = newest is not None and _ROLLED_BACK_TAG in versions[newest].tags
    right = {
        PREVIOUS: before if before in versions else None,
        CHALLENGER: None if newest == champion or stepped_down else newest,
    }
    for alias, version in right.items():
        if aliases.get(alias) == version:
            continue
        if version is None:
            client.delete_registered_model_alias(MODEL, alias)
        else:
            client.set_registered_model_alias(MODEL, alias, version)
        done.append(f"alias '{alias}' was {aliases.get(alias) or 'nowhere'}, is {version or 'nowhere'}")
    return tuple(done)


@explained
def list_versions(registry: Registry) -> pd.DataFrame:
    """Every version, newest first.

    Columns (object; None where unknown): version, aliases, as_of, trained_at, snapshot_id, code_version,
    algorithm, previous_version, rolled_back_at, decision, run_id; and the gate values.
    """
    client = connect(registry)
    aliases = _read_aliases(client)
    facts = [
        "as_of",
        "trained_at",
        "snapshot_id",
        "code_version",
        "algorithm",
        _PREVIOUS_TAG,
        _ROLLED_BACK_TAG,
        "decision",
    ]
    gates = list(GateValues.__dataclass_fields__)
    rows = [
        {"version": str(found.version), "run_id": found.run_id}
        | {"aliases": ", ".join(sorted(a for a, v in aliases.items() if v == str(found.version)))}
        | {fact: found.tags.get(fact) for fact in facts}
        | json.loads(found.tags.get("gates", "{}"))
        for found in _list(client)
    ]
    return pd.DataFrame(rows, columns=["version", "aliases", *facts, "run_id", *gates], dtype=object)


@explained
def find_version(registry: Registry, snapshot_id: str) -> str | None:
    """The newest version that was trained on a snapshot; None if there is none."""
    found = (v for v in _list(connect(registry)) if v.tags.get("snapshot_id") == snapshot_id)
    return next((str(version.version) for version in found), None)


@explained
def find_highest_id(registry: Registry, versions: Collection[str]) -> int:
    """The highest segment id that any of these versions has, as far as they say so; 0 if none does."""
    found = _list(connect(registry))
    return max((int(v.tags.get(HIGHEST_ID_TAG, "0")) for v in found if str(v.version) in versions), default=0)


@explained
def tag_version(registry: Registry, version: str, tags: Mapping[str, str]) -> None:
    """Add tags to a version, such as the decision about it."""
    for name, value in tags.items():
        connect(registry).set_model_version_tag(MODEL, version, name, value)


def connect(registry: Registry) -> MlflowClient:
    """MLflow's client of the registry, which its own functions (`mlflow.log_params`, …) use from now on as well."""
    import mlflow

    # Reports about tables it creates are MLflow's own affair; warnings and errors are not. What its stores log of a
    # failing database, with a traceback, they also raise.
    levels = {
        "mlflow": logging.WARNING,
        "alembic": logging.WARNING,
        "mlflow.store.db.utils": logging.CRITICAL,
    }
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    mlflow.set_tracking_uri(registry.tracking_uri)
    mlflow.set_registry_uri(registry.tracking_uri)
    return mlflow.MlflowClient(tracking_uri=registry.tracking_uri, registry_uri=registry.tracking_uri)


def _create_missing(client: MlflowClient, registry: Registry) -> None:
    from mlflow.exceptions import MlflowException

    try:
        if client.get_experiment_by_name(registry.experiment) is None:
            client.create_experiment(registry.experiment, artifact_location=registry.artifact_location)
        if not client.search_registered_models(f"name = '{MODEL}'"):
            client.create_registered_model(MODEL)
    except MlflowException as error:
        # Another run was quicker.
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _list(client: MlflowClient) -> list[ModelVersion]:
    """Every version, newest first."""
    return sorted(
        client.search_model_versions(f"name = '{MODEL}'"), key=lambda v: int(v.version), reverse=True
    )


def _read_aliases(client: MlflowClient) -> dict[str, str]:
    return {alias: str(version) for alias, version in client.get_registered_model(MODEL).aliases.items()}


def _find(client: MlflowClient, name: str) -> ModelVersion | None:
    number = name if name.isdigit() else _read_aliases(client).get(name)
    found = next((version for version in _list(client) if str(version.version) == number), None)
    if found is None and number is not None and not name.isdigit():
        raise _miss(number, f"the {name}")
    return found


def _miss(version: str, role: str) -> RegistryError:
    return RegistryError(
        f"model version {version}, {role}, is no longer in the registry; bring the registry back from a backup"
    )


def _load(registry: Registry, client: MlflowClient, found: ModelVersion) -> LoadedModel:
    from mlflow.exceptions import MlflowException

    tags = dict(found.tags)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            store = _find_store(registry, client)
            segmenter = read_segmenter(fetch_files(client, found, store=store, scratch=Path(scratch)))
        except (MlflowException, ModelStateError, OSError) as error:
            # Files that a server did not hand out are no damaged files: does it answer at all?
            _read_aliases(client)
            reason = re.sub(r"\s+", " ", str(error).replace(f"{scratch}/", ""))
            raise RegistryError(
                f"model version {found.version} cannot be used: {reason}; restore its files or roll back"
            ) from None
    return LoadedModel(segmenter, str(found.version), tags, _read_gates(tags))


def _find_store(registry: Registry, client: MlflowClient) -> str:
    """Where the registry keeps files: as configured, else where its MLflow puts those of our experiment."""
    if registry.artifact_location is not None:
        return registry.artifact_location
    experiment = client.get_experiment_by_name(registry.experiment)
    if experiment is None:
        raise ModelStateError(
            f"the registry has no experiment '{registry.experiment}', where models are kept"
        )
    return str(experiment.artifact_location)


def _drop_intents(
    client: MlflowClient, versions: Mapping[str, ModelVersion], champion: str | None
) -> list[str]:
    """Remove tags that say a version took over, or stepped down, although it did not."""
    line: set[str] = set()
    ancestor = champion
    while ancestor is not None and ancestor in versions and ancestor not in line:
        line.add(ancestor)
        ancestor = versions[ancestor].tags.get(_PREVIOUS_TAG)
    done = []
    for number, version in versions.items():
        stepped_down = _ROLLED_BACK_TAG in version.tags
        if _PREVIOUS_TAG in version.tags and number not in line and not stepped_down:
            client.delete_model_version_tag(MODEL, number, _PREVIOUS_TAG)
            done.append(f"version {number} was about to become champion and did not")
        if stepped_down and number == champion:
            client.delete_model_version_tag(MODEL, number, _ROLLED_BACK_TAG)
            done.append(f"version {number} was about to be rolled back and was not, or is champion again")
    return done


def _read_gates(tags: Mapping[str, str]) -> GateValues | None:
    return GateValues.from_dict(json.loads(tags["gates"])) if "gates" in tags else None
