"""A model is read only if its files lie in the registry's own store and are those written at training."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

import mlflow
import numpy as np
import pytest
from test_tasks.test_registry import draw_factors, read_aliases, register

from models.recipes import Recipe
from models.segmenter import fit_segmenter
from tasks.model_files import DIGEST_TAG, STATE, lies_within
from tasks.registry import (
    CHAMPION,
    MODEL,
    Registry,
    RegistryError,
    connect,
    load_segmenter,
    load_version,
    open_registry,
    promote_version,
)
from tasks.segments_model import ARRAYS, META, digest_files

ACTS: tuple[Callable[[Registry, str], object], ...] = (load_segmenter, load_version, promote_version)
CHANGES: dict[str, Callable[[Path, Path], None]] = {}


def changes(function: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
    CHANGES[function.__name__] = function
    return function


@changes
def one_byte(folder: Path, _other: Path) -> None:
    content = bytearray((folder / ARRAYS).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / ARRAYS).write_bytes(content)


@changes
def another_version_s_description(folder: Path, other: Path) -> None:
    shutil.copy(other / META, folder / META)


@changes
def another_version_s_files(folder: Path, other: Path) -> None:
    for name in (META, ARRAYS):
        shutil.copy(other / name, folder / name)


@changes
def another_wheel(folder: Path, _other: Path) -> None:
    next(folder.glob("*.whl")).write_bytes(b"PK")


@changes
def a_wheel_beside_it(folder: Path, _other: Path) -> None:
    (folder / "segmentwerk_scoring-9-py3-none-any.whl").write_bytes(b"PK")


@changes
def no_wheel(folder: Path, _other: Path) -> None:
    next(folder.glob("*.whl")).unlink()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Version 1, a champion, and version 2; read-only."""
    registry = open_registry(tmp_path_factory.mktemp("trained"))
    for seed in (0, 1):
        factors = draw_factors(seed)
        recipe = Recipe(algorithm="kmeans", parameters={"segments": 3 + seed})
        register(registry, fit_segmenter(factors, recipe=recipe, seed=0), factors)
    promote_version(registry, "1")
    return registry


@pytest.fixture
def registry(trained: Registry) -> Iterator[Registry]:
    """The same, put back as it was after the test."""
    database = trained.tracking_uri.removeprefix("sqlite:///")
    files = Path(database).parent / "artifacts"
    kept_files = files.with_name("kept")
    shutil.copytree(files, kept_files)
    with closing(sqlite3.connect(database)) as live, closing(sqlite3.connect(":memory:")) as kept:
        live.backup(kept)
        yield trained
        kept.backup(live)
    shutil.rmtree(files)
    kept_files.rename(files)


def find_folder(registry: Registry, version: str) -> Path:
    place = connect(registry).get_model_version_download_uri(MODEL, version)
    return Path(unquote(urlsplit(place).path)) / "data" / STATE


def record_digest(registry: Registry, version: str) -> None:
    """What somebody can do who may write files and tags."""
    digest = digest_files(find_folder(registry, version))
    connect(registry).set_model_version_tag(MODEL, version, DIGEST_TAG, digest)


def move_files(registry: Registry, version: str, place: str) -> None:
    """Have the registry's database say that a version's files are somewhere else."""
    with closing(sqlite3.connect(registry.tracking_uri.removeprefix("sqlite:///"))) as database, database:
        database.execute("update model_versions set storage_location = ? where version = ?", (place, version))


def assert_refused(registry: Registry, why: str) -> None:
    for act in ACTS:
        with pytest.raises(RegistryError, match=f"^model version 2 cannot be used: .*{why}.*roll back$") as e:
            act(registry, "2")
        assert "\n" not in str(e.value)
    assert read_aliases(registry)[CHAMPION] == "1"


@pytest.mark.parametrize("change", CHANGES)
def test_files_that_are_not_those_of_training_are_refused(registry: Registry, change: str) -> None:
    recorded = connect(registry).get_model_version(MODEL, "2").tags[DIGEST_TAG]
    CHANGES[change](find_folder(registry, "2"), find_folder(registry, "1"))
    assert_refused(registry, f"not the files written at training, whose SHA-256 is {recorded[:12]}…, but ")


def test_a_version_without_a_digest_is_refused(registry: Registry) -> None:
    connect(registry).delete_model_version_tag(MODEL, "2", DIGEST_TAG)
    assert_refused(registry, f"no tag '{DIGEST_TAG}', the digest its files had at training")


def test_a_version_with_the_digest_of_another_is_refused(registry: Registry) -> None:
    client = connect(registry)
    client.set_model_version_tag(
        MODEL, "2", DIGEST_TAG, client.get_model_version(MODEL, "1").tags[DIGEST_TAG]
    )
    assert_refused(registry, "not the files written at training")


@pytest.mark.parametrize("way", ["plain", "as a URI", "up and out", "over a link"])
def test_files_outside_the_store_are_refused_whatever_they_hold(
    registry: Registry, tmp_path: Path, way: str
) -> None:
    model = find_folder(registry, "2").parents[1]
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(model, elsewhere)
    store = Path(unquote(urlsplit(registry.artifact_location).path))
    (store / "link").symlink_to(elsewhere)
    place = {
        "plain": str(elsewhere),
        "as a URI": elsewhere.as_uri(),
        "up and out": f"{store.as_uri()}/{os.path.relpath(elsewhere, store)}",
        "over a link": (store / "link").as_uri(),
    }[way]
    move_files(registry, "2", place)
    assert_refused(registry, "outside the registry's own store")


def test_a_link_back_into_the_store_is_followed(registry: Registry) -> None:
    store = Path(unquote(urlsplit(registry.artifact_location).path))
    (store / "link").symlink_to(find_folder(registry, "2").parents[1])
    move_files(registry, "2", (store / "link").as_uri())
    assert load_version(registry, "2").version == "2"


def test_the_address_of_another_store_is_shown_without_its_password(registry: Registry) -> None:
    move_files(registry, "2", "https://keeper:open-sesame@files.example/models/2")
    with pytest.raises(RegistryError, match=r"files in https://files\.example/models/2, outside") as caught:
        load_version(registry, "2")
    assert "sesame" not in str(caught.value)


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.proof),)


def test_pickled_arrays_run_nothing_even_under_the_right_digest(registry: Registry, tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    pickle.loads(pickle.dumps(Payload(proof)))  # noqa: S301 - our own
    assert proof.is_dir(), "the payload works"
    proof.rmdir()
    folder = find_folder(registry, "2")
    with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
        evil = {name: np.array([Payload(proof)], dtype=object) for name in arrays}
    np.savez(folder / ARRAYS, allow_pickle=True, **evil)
    record_digest(registry, "2")
    assert_refused(registry, "allow_pickle=False")
    assert not proof.exists()


def test_a_format_nobody_knows_is_refused_even_under_the_right_digest(registry: Registry) -> None:
    meta = find_folder(registry, "2") / META
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"format": 999}))
    record_digest(registry, "2")
    assert_refused(registry, "999")


def test_the_tags_are_those_of_the_configured_registry(registry: Registry, tmp_path: Path) -> None:
    other = open_registry(tmp_path / "other")
    mlflow.set_tracking_uri(other.tracking_uri)
    mlflow.set_registry_uri(other.tracking_uri)
    assert load_version(registry, "2").version == "2"
    assert load_segmenter(other, CHAMPION) is None


@pytest.mark.parametrize(
    ("place", "store", "inside"),
    [
        ("s3://bucket/models/7", "s3://bucket/models", True),
        ("s3://bucket/models/7", "s3://bucket", True),
        ("s3://bucket/models-of-others/7", "s3://bucket/models", False),
        ("s3://bucket/models/../others/7", "s3://bucket/models", False),
        ("s3://bucket/models/%2e%2e/others/7", "s3://bucket/models", False),
        ("s3://other/models/7", "s3://bucket/models", False),
        ("https://bucket/models/7", "s3://bucket/models", False),
        ("mlflow-artifacts:/1/models/m-7/artifacts", "mlflow-artifacts:/1", True),
        ("mlflow-artifacts:/2/models/m-7/artifacts", "mlflow-artifacts:/1", False),
        ("models:/m-7", "file:///shop/artifacts", False),
        ("/shop/artifacts/7", "file:///shop/artifacts", True),
        ("file:///shop/artifacts/7", "/shop/artifacts", True),
        ("file:///shop%20a/artifacts/7", "/shop a/artifacts", True),
        ("file://elsewhere/shop/artifacts/7", "file:///shop/artifacts", False),
        ("/shop/artifacts", "/shop/artifacts", True),
        ("/shop/artifacts/../../etc", "/shop/artifacts", False),
    ],
)
def test_what_lies_in_a_store(place: str, store: str, inside: bool) -> None:
    assert lies_within(place, store) is inside
