"""A model saved by an earlier version places customers exactly as that version did."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from saved_segmenters import EXPECTED, FACTORS, RECIPES, SAVED, list_saved, read_table, save_segmenters

from models.segmenter import FORMAT, READABLE, REASON_COLUMNS
from tasks.segments_model import ARRAYS, META, read_segmenter


@pytest.mark.parametrize("folder", list_saved(), ids=lambda folder: folder.relative_to(SAVED).as_posix())
def test_it_places_customers_as_it_did(folder: Path) -> None:
    expected = read_table(folder / EXPECTED)
    placed = read_segmenter(folder).explain(read_table(folder / FACTORS))[list(expected.columns)]
    assert expected["segment_id"].nunique() > 3
    # Whoever adds up in another order, as another processor may, differs in the last bits of strength alone.
    pd.testing.assert_frame_equal(placed, expected, rtol=1e-9, atol=1e-9, check_dtype=False)


def test_every_format_that_is_read_has_been_kept() -> None:
    kept = {json.loads((folder / META).read_text(encoding="utf-8"))["format"] for folder in list_saved()}
    assert kept == set(READABLE)


def test_a_state_of_other_parts_is_another_format(tmp_path: Path) -> None:
    for folder in save_segmenters(tmp_path):
        newest = SAVED / f"format_{FORMAT}" / folder.name
        written, kept = (
            (set(json.loads((one / META).read_text(encoding="utf-8"))), set(np.load(one / ARRAYS)))
            for one in (folder, newest)
        )
        assert written == kept


def test_the_first_format_has_no_reasons() -> None:
    for name in RECIPES:
        folder = SAVED / "format_1" / name
        explained = read_segmenter(folder).explain(read_table(folder / FACTORS))
        assert explained[list(REASON_COLUMNS)].isna().all(axis=None)
