"""A person is taken out of every version's files, in place; the digest follows, and a death in between is mended."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_registry import draw_factors, register

from models.recipes import Recipe
from models.segmenter import fit_segmenter
from tasks.lake import begin_run, open_lake, write_lake
from tasks.model_erasure import ERASING_TAG, erase_from_models, find_versions, list_snapshots
from tasks.model_files import DIGEST_TAG
from tasks.registry import MODEL, Registry, RegistryError, connect, load_version, open_registry
from tasks.snapshots import store_snapshot

PERSON = "c005"
FACTORS = draw_factors()
OTHERS = FACTORS.drop(PERSON)
RECIPES = (Recipe("ward", {"segments": 3}), Recipe("hdbscan", {"share": 0.1, "min_samples": 5}))


def make_shop(home: Path) -> Registry:
    """A shop with a version a recipe, and one of other people."""
    registry = open_registry(home)
    with write_lake(str(home)) as lake:
        for number, recipe in enumerate(RECIPES):
            store_snapshot(lake, FACTORS, snapshot_id=f"snapshot-{number}")
            fitted = fit_segmenter(FACTORS, recipe=recipe, seed=0)
            register(registry, fitted, FACTORS, snapshot_id=f"snapshot-{number}")
        store_snapshot(lake, OTHERS, snapshot_id="without")
        register(registry, fit_segmenter(OTHERS, recipe=RECIPES[0], seed=0), OTHERS, snapshot_id="without")
        lake.commit(begin_run("by hand", date(2026, 11, 15)), {})
    return registry


def read_digests(registry: Registry) -> dict[str, str]:
    found = connect(registry).search_model_versions(f"name = '{MODEL}'")
    return {str(version.version): version.tags[DIGEST_TAG] for version in found}


def test_every_version_that_was_fitted_on_the_person_loses_the_point_and_nothing_else(tmp_path: Path) -> None:
    registry = make_shop(tmp_path)
    lake = open_lake(str(tmp_path))
    before, digests = {v: load_version(registry, v) for v in "123"}, read_digests(registry)
    assert find_versions(registry, list_snapshots(lake, [PERSON])) == ["1", "2"]
    assert erase_from_models(registry, lake, [PERSON]) == 2
    now = read_digests(registry)
    assert {version for version, digest in digests.items() if now[version] != digest} == {"1", "2"}
    for version, old in before.items():
        fresh = load_version(registry, version)
        pd.testing.assert_frame_equal(fresh.segmenter.assign(OTHERS), old.segmenter.assign(OTHERS))
        point = old.segmenter.preparation.transform(FACTORS.loc[[PERSON]])
        known = fresh.segmenter.to_state().arrays["clusterer.points_"]
        assert len(known) == len(OTHERS)
        assert np.abs(known - point).max(axis=1).min() > 1e-9
    assert erase_from_models(registry, lake, [PERSON]) == 0
    assert erase_from_models(registry, lake, ["nobody"]) == 0


def test_files_whose_digest_was_not_put_on_record_any_more_are_mended_by_the_next_run(tmp_path: Path) -> None:
    registry = make_shop(tmp_path)
    client, digests = connect(registry), read_digests(registry)
    erase_from_models(registry, open_lake(str(tmp_path)), [PERSON])
    client.set_model_version_tag(MODEL, "1", DIGEST_TAG, digests["1"])
    client.set_model_version_tag(MODEL, "1", ERASING_TAG, "true")
    with pytest.raises(RegistryError, match="not the files written at training"):
        load_version(registry, "1")
    assert erase_from_models(registry, open_lake(str(tmp_path)), [PERSON]) == 0
    assert ERASING_TAG not in load_version(registry, "1").tags


def test_a_version_that_cannot_be_read_stops_the_erasure_by_name(tmp_path: Path) -> None:
    registry = make_shop(tmp_path)
    for file in tmp_path.rglob("arrays.npz"):
        file.write_bytes(b"damaged")
    with pytest.raises(RegistryError, match=r"version \d cannot be read, so nobody can be taken out of it"):
        erase_from_models(registry, open_lake(str(tmp_path)), [PERSON])
    assert len(list(tmp_path.rglob("arrays.npz"))) == 3


def test_files_of_a_run_that_was_undone_are_discarded_and_versions_never_are(tmp_path: Path) -> None:
    registry = make_shop(tmp_path)
    with write_lake(str(tmp_path)) as lake:
        # Its version went, its files did not.
        version = register(
            registry, fit_segmenter(FACTORS, recipe=RECIPES[0], seed=0), FACTORS, snapshot_id="undone"
        )
        connect(registry).delete_model_version(MODEL, version)
        assert len(list(tmp_path.rglob("arrays.npz"))) == 4
        erase_from_models(registry, lake, [PERSON])
    assert len(list(tmp_path.rglob("arrays.npz"))) == 3
    assert all(load_version(registry, one) for one in "123")
