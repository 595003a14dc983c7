"""The files of a model's version: out of the registry's own store, and those written at training, or none at all."""

from __future__ import annotations

import posixpath
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tasks.registry_faults import name_place
from tasks.segments_model import ModelStateError, digest_files

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

STATE = "state"
DIGEST_TAG = "state_sha256"


def fetch_files(client: MlflowClient, version: ModelVersion, *, store: str, scratch: Path) -> Path:
    """A copy of a version's files, which nobody else can change, checked before anything in them is read.

    Args:
        client: of the configured registry.
        version: whose tag says what the files' digest was at training.
        store: where that registry keeps its files; nothing is fetched from anywhere else.
        scratch: an empty folder for the copy.

    Raises:
        ModelStateError: no digest is on record, the version points out of the store, or its files are missing or not
            those written at training.
    """
    import mlflow

    expected = version.tags.get(DIGEST_TAG)
    if not expected:
        raise ModelStateError(f"it has no tag '{DIGEST_TAG}', the digest its files had at training")
    place = client.get_model_version_download_uri(version.name, version.version)
    if not lies_within(place, store):
        raise ModelStateError(
            f"it points to files in {name_place(place)}, outside the registry's own store {name_place(store)}"
        )
    folder = Path(mlflow.artifacts.download_artifacts(f"{place}/data/{STATE}", dst_path=str(scratch)))
    found = digest_files(folder)
    if found != expected:
        raise ModelStateError(
            f"they are not the files written at training, whose SHA-256 is {expected[:12]}…, but {found[:12]}…"
        )
    return folder


def lies_within(place: str, store: str) -> bool:
    """Whether a path or URI is in a store, also where it goes up by `..` or over a link."""
    kind, host, path = _locate(place)
    store_kind, store_host, root = _locate(store)
    return (kind, host) == (store_kind, store_host) and path.is_relative_to(root)


def _locate(uri: str) -> tuple[str, str, PurePath]:
    if "://" not in uri and not uri.startswith("mlflow-artifacts:"):
        return "file", "", Path(uri.removeprefix("file:")).resolve()
    parts = urlsplit(uri)
    path = unquote(parts.path)
    if parts.scheme == "file":
        return "file", parts.netloc, Path(path).resolve()
    return parts.scheme, parts.netloc, PurePosixPath(posixpath.normpath(path or "/"))
