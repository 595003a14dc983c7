"""What the parts `retraining-…` of the benchmarks measure, on a few seeds: segments stay, a stale champion goes."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.retraining import KEPT_MIN, draw_people, replace_stale, retrain_shop


def test_the_same_people_are_drawn_in_every_week_and_their_habits_change_with_the_era() -> None:
    before, later, after = (
        draw_people(0, era=era, week=week)[0].to_numpy() for era, week in ((0, 0), (0, 1), (1, 1))
    )
    assert np.corrcoef(before.ravel(), later.ravel())[0, 1] > 0.95
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] < 0.9


@pytest.mark.long
def test_the_same_data_trained_again_promotes_nobody_and_moves_nobody(tmp_path: Path) -> None:
    found = retrain_shop(tmp_path / "shop", seed=0, customers=800)
    assert found.decision == "keep"
    assert found.kept >= KEPT_MIN


@pytest.mark.long
def test_a_stale_champion_is_replaced_within_two_cycles() -> None:
    found = list(replace_stale(seeds=4))
    assert [one.cycle for one in found] == [2, 2, 2, 2]
