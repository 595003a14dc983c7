"""Tails: fences let a skewed factor be, robust distance sees who is odd in no single factor."""

import numpy as np
import pytest

from models.tails import find_far, find_fences, find_quantiles, learn_distance

SKEW = 1.0


def test_fences_let_a_skewed_factor_be_and_stop_a_whale() -> None:
    rng = np.random.default_rng(0)
    money, change = rng.lognormal(4, 1, 5000), rng.normal(0, 2, 5000)
    values = np.column_stack([money, change])
    values[0] = [1e12, -1e6]
    low, high = find_fences(values, tail=0.005, skew=SKEW)
    beyond = (values < low) | (values > high)
    assert beyond[0].tolist() == [True, True]
    assert beyond[1:].mean() < 0.001  # of a normal distribution 2 in a million lie beyond
    winsorised_low, winsorised_high = find_quantiles(values, tail=0.005)
    assert ((values < winsorised_low) | (values > winsorised_high)).mean() == pytest.approx(0.01, abs=0.001)


def test_a_fence_is_no_farther_than_the_farthest_customer() -> None:
    values = np.linspace(0, 1, 101)[:, None]
    low, high = find_fences(values, tail=0.005, skew=SKEW)
    assert (low[0], high[0]) == (0.0, 1.0)


def test_a_channel_few_use_keeps_its_users() -> None:
    rng = np.random.default_rng(0)
    store = np.where(rng.random(2000) < 0.1, rng.uniform(0.2, 1, 2000), 0.0)[:, None]
    low, high = find_fences(store, tail=0.005, skew=SKEW)
    assert high[0] > 0.8
    np.testing.assert_array_equal([low, high], find_quantiles(store, tail=0.005))


@pytest.mark.parametrize("chance", [0.01, 0.001])
def test_of_one_normal_cloud_as_many_are_far_as_asked_for(chance: float) -> None:
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(6, 6))
    cloud = rng.normal(size=(40_000, 6)) @ mixing
    far = find_far(cloud, learn_distance(cloud, cloud, chance=chance)).mean()
    assert far == pytest.approx(chance, rel=0.4)


def test_robust_distance_sees_who_is_odd_in_no_single_factor() -> None:
    rng = np.random.default_rng(2)
    shared = rng.normal(size=2000)
    cloud = np.column_stack([shared, shared + rng.normal(0, 0.4, 2000), rng.normal(size=2000)])
    against = np.array([[2.0, -2.0, 0.0], [-1.8, 1.8, 0.0]])
    everybody = np.vstack([cloud, np.repeat(against, 20, axis=0)])
    far = find_far(everybody, learn_distance(everybody, everybody, chance=0.001))
    assert far[2000:].all()
    assert far[:2000].mean() < 0.01


def test_the_far_do_not_hide_each_other() -> None:
    rng = np.random.default_rng(3)
    cloud, crowd = rng.normal(size=(900, 5)), rng.normal(40, 0.1, (100, 5))
    everybody = np.vstack([cloud, crowd])
    drawn_in = np.clip(everybody, *find_quantiles(cloud, tail=0.005))
    far = find_far(everybody, learn_distance(everybody, drawn_in, chance=0.001))
    assert far[900:].all()
    assert far[:900].mean() < 0.02
