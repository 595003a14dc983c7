"""What a week's pages are given: samples of customers as pictures need them, factors in words."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_lake import write

from models.silhouettes import compute_silhouettes
from monitoring.playbook import Play
from tasks.lake import begin_run, open_lake, write_lake
from tasks.reporting import (
    count_customers,
    find_training,
    map_customers,
    measure_fit,
    standardise_means,
    warn_of_strangers,
    word_reasons,
)
from tasks.scoring import Scored


def place_customers(count: int, *, seed: int = 0) -> tuple[np.ndarray, pd.DataFrame]:
    """Two groups far apart, the last customer in neither."""
    rng = np.random.default_rng(seed)
    ids = np.where(np.arange(count) < count // 2, 1, 2)
    points = rng.normal(size=(count, 3)) + 20.0 * (ids == 1)[:, None]
    placed = pd.DataFrame(
        {
            "segment_id": ids,
            "segment_name": np.where(ids == 1, "Here", "There"),
            "strength": rng.random(count),
            "is_outlier": False,
        },
        index=pd.Index([f"c{n:02d}" for n in range(count)], name="customer_id"),
    )
    placed.iloc[-1] = [0, "Nowhere", 0.0, True]
    return points, placed


def test_a_map_holds_every_customer_with_name_and_strength() -> None:
    points, placed = place_customers(40)
    maps = map_customers(points, placed, methods=("pca", "tsne"))
    assert list(maps) == ["pca", "tsne"]
    for drawn in maps.values():
        assert drawn["segment_name"].tolist() == placed["segment_name"].tolist()
        assert drawn["strength"].tolist() == placed["strength"].tolist()
    sides = maps["pca"].groupby("segment_name")["x"].mean()
    assert abs(sides["Here"] - sides["There"]) > 1.9


def test_a_method_that_needs_more_customers_is_left_out() -> None:
    points, placed = place_customers(8)
    assert list(map_customers(points, placed, methods=("umap", "pca", "tsne"))) == ["pca"]


def test_the_fit_is_of_customers_in_a_segment_only() -> None:
    points, placed = place_customers(40)
    fit = measure_fit(points, placed)
    assert len(fit) == 39
    assert set(fit["segment_name"]) == {"Here", "There"}
    assert (fit["silhouette"] > 0.8).all()
    labels = placed["segment_id"].to_numpy()[:-1]
    known = compute_silhouettes(points[:-1], labels, seed=0)["silhouette"]
    np.testing.assert_allclose(fit["silhouette"], known)


def test_factors_read_as_words() -> None:
    profiles = pd.DataFrame({"reasons": [[("orders_180d", "far higher")], []]}, index=[3, 1])
    assert word_reasons(profiles)["reasons"].tolist() == [[("orders in 180 days", "far higher")], []]
    _points, placed = place_customers(40)
    factors = pd.DataFrame({"aov": np.arange(40.0), "always": 1.0}, index=placed.index)
    means = standardise_means(factors, Scored(placed, pd.DataFrame(), "1"))
    assert list(means.columns) == ["average order value"]
    assert means.loc["Here", "average order value"] < 0 < means.loc["There", "average order value"]


def write_weeks(home: Path) -> None:
    """Three days of profiles, of which the second was no weekly run's."""
    training = {"2026-11-02": ("1", "kmeans"), "2026-11-16": ("2", "hdbscan")}
    with write_lake(str(home)) as lake:
        days = [date(2026, 11, 2), date(2026, 11, 5), date(2026, 11, 16)]
        profiles = pd.DataFrame(
            {
                "as_of": np.repeat(days, 2), "segment_id": [1, 2] * 3, "segment_name": "A",
                "size": [10, 20, 11, 21, 12, 22], "share": 0.5, "value": 1.0, "profile": "{}", "rule": "",
                "lineage": "kept", "model_version": "1",
            }
        )  # fmt: skip
        write(lake, "segment_profiles", profiles)
        for day in days:
            flow = "weekly-retrain" if str(day) in training else "daily-score"
            version, algorithm = training.get(str(day), ("", ""))
            lake.commit(begin_run(flow, day), {"training": {"version": version, "algorithm": algorithm}})


def test_sizes_are_those_of_weekly_runs_up_to_the_day(tmp_path: Path) -> None:
    write_weeks(tmp_path)
    lake = open_lake(str(tmp_path))
    sizes = count_customers(lake, as_of=date(2026, 11, 16))
    assert [str(day)[:10] for day in sizes["as_of"]] == ["2026-11-02"] * 2 + ["2026-11-16"] * 2
    assert sizes["segment_id"].tolist() == [1, 2, 1, 2]
    assert sizes["customers"].tolist() == [10, 20, 12, 22]
    assert count_customers(lake, as_of=date(2026, 11, 2))["customers"].tolist() == [10, 20]


def test_the_model_in_use_is_found_in_the_week_it_was_trained(tmp_path: Path) -> None:
    write_weeks(tmp_path)
    lake = open_lake(str(tmp_path))
    now = {"training": {"version": "3", "algorithm": "ward"}}
    for version, algorithm in (("1", "kmeans"), ("2", "hdbscan"), ("3", "ward")):
        found = find_training(lake, now | {"promotion": {"champion_version": version}})
        assert found["algorithm"] == algorithm
    assert find_training(lake, now | {"promotion": {"champion_version": "9"}}) == {}


def test_a_section_of_the_playbook_without_a_segment_is_told(caplog: pytest.LogCaptureFixture) -> None:
    profiles = pd.DataFrame({"segment_id": [1, 2], "segment_name": ["Regulars", "Guests"]})
    known = {"1": Play(offer="a"), "Guests": Play(offer="b")}
    with caplog.at_level("WARNING"):
        warn_of_strangers(known, profiles)
        assert caplog.messages == []
        warn_of_strangers(known | {"Gone": Play(offer="c")}, profiles)
    assert caplog.messages == [
        "[playbook] there is no segment 'Gone' this week; `segmentwerk segments` lists those there are"
    ]
