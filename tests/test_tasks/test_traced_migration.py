"""Two weeks in a real lake: who moved is found, kept once, and weeks that cannot be compared stop nothing."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest

from models.recipes import Recipe
from models.segmenter import Segmenter, fit_segmenter
from tasks.lake import ERASING_FLOW, WEEKLY_FLOW, Lake, begin_run, open_lake, write_lake
from tasks.migration import TracedMigration, find_past_week, read_past_factors, trace_migration
from tasks.registry import LoadedModel
from tasks.scoring import Scored, score_customers

FIRST, DAILY, SECOND, THIRD = (date(2026, 11, day) for day in (1, 5, 8, 15))
KMEANS = Recipe("kmeans", {"segments": 2})
RARE, OFTEN = 10.0, 1000.0
NAMES = {1: "Often", 2: "Rare"}


def make_factors(rare: int, often: int, *, first: int = 0) -> pd.DataFrame:
    """Two kinds of customers that no model can mistake for each other."""
    rng = np.random.default_rng(first)
    middle = np.repeat([RARE, OFTEN], [rare, often])
    index = pd.Index([f"c{n:03d}" for n in range(first, first + len(middle))], name="customer_id")
    spent = {name: middle * rng.uniform(0.95, 1.05, len(middle)) for name in ("revenue_180d", "orders_180d")}
    return pd.DataFrame({**spent, "visits_30d": rng.uniform(0.0, 1.0, len(middle))}, index=index)


def fit(factors: pd.DataFrame) -> Segmenter:
    """A model whose segment 2 is of those who buy rarely, whichever are more."""
    fitted = fit_segmenter(factors, recipe=KMEANS, seed=0)
    least = factors["revenue_180d"].idxmin()
    rare = int(fitted.assign(factors.loc[[least]])["segment_id"].iloc[0])
    return fitted.relabel({rare: 2, 3 - rare: 1}).rename(NAMES)


def load(segmenter: Segmenter, version: str) -> LoadedModel:
    return LoadedModel(segmenter, version, {}, None)


def keep_factors(lake: Lake, factors: pd.DataFrame, *, as_of: date) -> None:
    rows = pyarrow.Table.from_pandas(factors.reset_index(), preserve_index=False)
    rows = rows.add_column(0, "as_of", pyarrow.repeat(pyarrow.scalar(as_of), len(rows)))
    lake.overwrite("features", rows, where=f"as_of = '{as_of}'")


def run_week(
    folder: Path,
    factors: pd.DataFrame,
    model: LoadedModel,
    champion: LoadedModel | None,
    *,
    as_of: date,
    flow: str = WEEKLY_FLOW,
    owner_names: dict[int, str] | None = None,
) -> TracedMigration | None:
    """A week as the flow runs it, from factors on."""
    with write_lake(str(folder)) as lake:
        keep_factors(lake, factors, as_of=as_of)
        scored: Scored = score_customers.fn(
            lake, model.segmenter, factors,
            as_of=as_of, version=model.version, states={}, owner_names=owner_names or {},
        )  # fmt: skip
        traced = trace_migration.fn(lake, factors, scored, champion, as_of=as_of)
        lake.commit(begin_run(flow, as_of), {})
    return traced


def read_migrations(folder: Path) -> list[dict[str, Any]]:
    return open_lake(str(folder)).table("migrations").to_pyarrow().to_pylist()


@pytest.fixture(scope="module")
def first_week() -> pd.DataFrame:
    return make_factors(60, 40)


@pytest.fixture(scope="module")
def old(first_week: pd.DataFrame) -> LoadedModel:
    return load(fit(first_week), "1")


@pytest.fixture(scope="module")
def second_week(first_week: pd.DataFrame) -> pd.DataFrame:
    """Twelve of the rare now buy often, two are new, one is gone."""
    changed = first_week.copy()
    changed.iloc[:12] = make_factors(0, 12).to_numpy()
    return pd.concat([changed.iloc[:-1], make_factors(2, 0, first=500)])


def test_those_who_buy_more_now_are_found_and_the_model_is_not_spoken_of(
    tmp_path: Path, first_week: pd.DataFrame, second_week: pd.DataFrame, old: LoadedModel
) -> None:
    assert run_week(tmp_path, first_week, old, None, as_of=FIRST) is None
    traced = run_week(tmp_path, second_week, old, old, as_of=SECOND, owner_names={1: "Regulars"})
    assert traced is not None
    told = traced.to_dict()
    assert told["sentences"] == ["12 customers went from Rare to Regulars."]
    assert (told["previous_as_of"], told["before_version"], told["after_version"]) == ("2026-11-01", "1", "1")
    assert (told["common"], told["joined"], told["left"]) == (99, 2, 1)
    assert (told["moved"], told["moved_by_customers"], told["moved_by_model"]) == (0.121212, 0.121212, 0.0)
    rows = read_migrations(tmp_path)
    assert [(r["before_id"], r["between_id"], r["after_id"], r["customers"]) for r in rows] == [
        (2, 2, 2, 48), (1, 1, 1, 39), (2, 1, 1, 12), (None, 2, 2, 2), (1, None, None, 1),
    ]  # fmt: skip
    assert rows[2]["before_name"] == "Rare"
    assert rows[2]["between_name"] == rows[2]["after_name"] == "Regulars"
    assert {r["as_of"] for r in rows} == {SECOND}
    ways = [{name: row[name] for name in told["flows"][0]} for row in rows]
    assert told["flows"] == ways


def test_a_new_model_is_told_apart_from_the_customers(
    tmp_path: Path, first_week: pd.DataFrame, second_week: pd.DataFrame, old: LoadedModel
) -> None:
    run_week(tmp_path, first_week, old, None, as_of=FIRST)
    # Both segments are retired, and those that take their place are called the same.
    renewed = load(old.segmenter.relabel({1: 3, 2: 4}), "2")
    traced = run_week(tmp_path, second_week, renewed, old, as_of=SECOND)
    assert traced is not None
    assert traced.sentences == (
        "48 customers went from Rare (2) to Rare (4): by the new model.",
        "39 customers went from Often (1) to Often (3): by the new model.",
        "12 customers went from Rare (2) to Often (3): by both.",
    )
    assert (traced.before_version, traced.after_version) == ("1", "2")


def test_a_second_run_for_a_week_doubles_nothing(
    tmp_path: Path, first_week: pd.DataFrame, second_week: pd.DataFrame, old: LoadedModel
) -> None:
    run_week(tmp_path, first_week, old, None, as_of=FIRST)
    once = run_week(tmp_path, second_week, old, old, as_of=SECOND)
    rows = read_migrations(tmp_path)
    again = run_week(tmp_path, second_week, old, old, as_of=SECOND)
    assert once is not None
    assert again is not None
    assert again.to_dict() == once.to_dict()
    assert read_migrations(tmp_path) == rows
    run_week(tmp_path, second_week, old, old, as_of=THIRD)
    assert {(r["previous_as_of"], r["as_of"]) for r in read_migrations(tmp_path)} == {
        (FIRST, SECOND),
        (SECOND, THIRD),
    }


def test_a_week_is_compared_with_a_week_not_with_the_day_before(
    tmp_path: Path, first_week: pd.DataFrame, second_week: pd.DataFrame, old: LoadedModel
) -> None:
    run_week(tmp_path, first_week, old, None, as_of=FIRST)
    run_week(tmp_path, second_week, old, None, as_of=DAILY, flow="daily-score")
    with write_lake(str(tmp_path)) as lake:
        assert find_past_week(lake, as_of=SECOND) == FIRST
        assert find_past_week(lake, as_of=FIRST) is None
        lake.commit(begin_run(WEEKLY_FLOW, DAILY), {})
        lake.commit(begin_run(ERASING_FLOW, SECOND), {})
        assert find_past_week(lake, as_of=SECOND) == DAILY


def test_a_factor_nobody_had_then_is_said_and_stops_nothing(
    tmp_path: Path,
    first_week: pd.DataFrame,
    second_week: pd.DataFrame,
    old: LoadedModel,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run_week(
        tmp_path, first_week.drop(columns="visits_30d"), old_without_visits(first_week), None, as_of=FIRST
    )
    with caplog.at_level(logging.WARNING):
        assert run_week(tmp_path, second_week, old, old, as_of=SECOND) is None
    assert "nobody has visits_30d in one of them" in caplog.text
    assert "migrations" not in open_lake(str(tmp_path)).versions


def old_without_visits(factors: pd.DataFrame) -> LoadedModel:
    return load(fit(factors.drop(columns="visits_30d")), "0")


def test_who_turned_out_to_be_another_neither_left_nor_counts_twice(
    tmp_path: Path, first_week: pd.DataFrame
) -> None:
    renames = {"c000": "c099", "c001": "c_new", "c002": "c_new"}
    with write_lake(str(tmp_path)) as lake:
        keep_factors(lake, first_week, as_of=FIRST)
        rows = pyarrow.table({"old_customer_id": list(renames), "customer_id": list(renames.values())})
        lake.overwrite("renames", rows)
        found = read_past_factors(lake, as_of=FIRST, names=["revenue_180d"])
    expected = first_week["revenue_180d"].drop(["c000", "c002"]).rename({"c001": "c_new"})
    pd.testing.assert_series_equal(found["revenue_180d"], expected.sort_index(), check_index_type=False)


def test_without_a_model_or_a_week_before_there_is_nothing_to_compare(
    tmp_path: Path, first_week: pd.DataFrame, old: LoadedModel
) -> None:
    assert run_week(tmp_path, first_week, old, old, as_of=FIRST) is None
    assert run_week(tmp_path, first_week, old, None, as_of=SECOND) is None
