"""Draws are fair, and the same people are drawn next week."""

import numpy as np
import pandas as pd
import pytest

from models.draws import HELD_OUT_LEAST, draw_customers, find_held_out, leave_held_out


def name_customers(first: int, last: int) -> pd.DataFrame:
    ids = pd.Index([f"c{n:06d}" for n in range(first, last)], name="customer_id")
    return pd.DataFrame({"number": np.arange(first, last)}, index=ids)


def test_draws_as_many_as_asked_for_in_the_order_given() -> None:
    everybody = name_customers(0, 5000)
    drawn = draw_customers(everybody, 1000, seed=0)
    assert len(drawn) == 1000
    assert drawn["number"].is_monotonic_increasing
    assert draw_customers(everybody, 5000, seed=0) is everybody


def test_another_seed_draws_others() -> None:
    everybody = name_customers(0, 5000)
    one, other = (draw_customers(everybody, 1000, seed=seed).index for seed in (0, 1))
    assert len(one.intersection(other)) == pytest.approx(200, abs=60)


def test_next_week_the_same_people_are_drawn() -> None:
    """A tenth are new, so of those drawn a tenth make way."""
    before = draw_customers(name_customers(0, 10_000), 2000, seed=0).index
    after = draw_customers(name_customers(0, 11_000).sample(frac=1, random_state=0), 2000, seed=0).index
    assert len(before.intersection(after)) / 2000 == pytest.approx(10 / 11, abs=0.02)


def test_everybody_is_as_likely_to_be_drawn() -> None:
    everybody = name_customers(0, 400)
    times = sum(everybody.index.isin(draw_customers(everybody, 100, seed=seed).index) for seed in range(400))
    assert times.sum() == 40_000
    # Binomial: 100 expected, standard deviation 8.7; five of them for the most extreme of 400.
    assert np.abs(times - 100).max() < 45


def test_a_fifth_of_many_customers_is_held_out_for_good() -> None:
    many = name_customers(0, HELD_OUT_LEAST + 5000)
    held_out = find_held_out(many.index)
    assert held_out.mean() == pytest.approx(0.2, abs=0.01)
    later = name_customers(3000, HELD_OUT_LEAST + 9000)
    both = many.index.intersection(later.index)
    kept = pd.Series(held_out, many.index).loc[both]
    assert (kept == pd.Series(find_held_out(later.index), later.index).loc[both]).all()
    learnt_from = leave_held_out(many)
    assert len(learnt_from) == (~held_out).sum()
    assert not find_held_out(many.index)[many.index.isin(learnt_from.index)].any()


def test_of_few_customers_nobody_is_held_out() -> None:
    few = name_customers(0, HELD_OUT_LEAST - 1)
    assert len(leave_held_out(few)) == len(few)


def test_customers_numbered_by_whole_numbers_are_drawn_by_the_seed_too() -> None:
    everybody = pd.DataFrame({"a": range(1000)})
    one, other = (draw_customers(everybody, 100, seed=seed).index for seed in (0, 1))
    assert len(one.intersection(other)) < 30
