"""Projected lift: the truth is covered where surrogacy holds, and nothing is projected where it cannot be told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.surrogate import ASSUMPTION, LiftProjection, project_lift

FACTORS = ["orders", "visits"]
WORTH = np.array([8.0, 1.5])
MARGIN = 5.0
BASE = np.array([1.0, 4.0])


def make_customers(customers: int, *, more: float = 1.0, seed: int) -> pd.DataFrame:
    """Customers whose margin after the short run depends on it through the factors alone."""
    rng = np.random.default_rng(seed)
    factors = rng.poisson(BASE * [more, 1.0], (customers, 2)).astype(float)
    realised = MARGIN * factors[:, 0] + rng.normal(0, 2, customers)
    later = 3.0 + factors @ WORTH + rng.exponential(20.0, customers) - 20.0
    return pd.DataFrame(factors, columns=FACTORS).assign(realised=realised, long_run=realised + later)


def make_campaign(customers: int, *, more: float, seed: int) -> pd.DataFrame:
    arms = {"control": 1.0, "mail": more}
    parts = [
        make_customers(customers, more=much, seed=seed + place).assign(arm=arm)
        for place, (arm, much) in enumerate(arms.items())
    ]
    return pd.concat(parts, ignore_index=True).drop(columns="long_run")


def project(cohorts: pd.DataFrame, campaign: pd.DataFrame, **options: object) -> LiftProjection:
    return project_lift(cohorts, campaign, **{"factors": FACTORS, "seed": 1, **options})


@pytest.fixture(scope="module")
def cohorts() -> pd.DataFrame:
    return make_customers(4000, seed=100)


@pytest.fixture(scope="module")
def campaign() -> pd.DataFrame:
    return make_campaign(3000, more=1.2, seed=200)


@pytest.fixture(scope="module")
def projection(cohorts: pd.DataFrame, campaign: pd.DataFrame) -> LiftProjection:
    return project(cohorts, campaign)


def test_both_scenarios_find_the_true_lift(projection: LiftProjection, campaign: pd.DataFrame) -> None:
    assert projection.reasons == ()
    ends, persists = (one.lift["mail"] for one in (projection.effect_ends, projection.effect_persists))
    assert ends.low < 0.2 * MARGIN < ends.high
    assert persists.low < 0.2 * (MARGIN + WORTH[0]) < persists.high
    # If the effect ends, the lift is what was realised, and nothing of a model is in it.
    realised = campaign.groupby("arm")["realised"].mean()
    assert ends.absolute == pytest.approx(realised["mail"] - realised["control"])
    assert persists.absolute > ends.absolute > 0


def test_the_future_is_the_same_for_every_arm_if_the_effect_ends(projection: LiftProjection) -> None:
    ends, persists = projection.effect_ends, projection.effect_persists
    assert list(ends.arms) == ["control", "mail"]
    assert ends.arms["control"] == pytest.approx(persists.arms["control"])
    assert ends.arms["control"] == pytest.approx(MARGIN + 3.0 + BASE @ WORTH, rel=0.05)
    for scenario in (ends, persists):
        gap = scenario.arms["mail"] - scenario.arms["control"]
        assert scenario.lift["mail"].absolute == pytest.approx(gap)


def test_every_number_comes_with_the_assumption(projection: LiftProjection) -> None:
    assert projection.assumption == ASSUMPTION == "assuming surrogacy"
    assert "never a t-test's outcome" in LiftProjection.__doc__


def test_intervals_cover_the_true_lift_as_often_as_they_say() -> None:
    true = 0.2 * (MARGIN + WORTH[0])
    covered = []
    for seed in range(200):
        known = make_customers(600, seed=10_000 + seed)
        found = project(known, make_campaign(500, more=1.2, seed=20_000 + 2 * seed), resamples=200)
        lift = found.effect_persists.lift["mail"]
        covered.append(lift.low <= true <= lift.high)
    # The standard error of 200 draws is 1.5 points.
    assert np.mean(covered) == pytest.approx(0.95, abs=0.035)


def test_the_refit_is_part_of_the_interval() -> None:
    assigned = make_campaign(20_000, more=1.5, seed=400)
    few, many = (project(make_customers(size, seed=7), assigned) for size in (400, 40_000))
    wide, narrow = (one.effect_persists.lift["mail"] for one in (few, many))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    # The standard error of the worth of an order is 20 ÷ √400, and the arms are half an order apart.
    assert wide.high - wide.low == pytest.approx(2 * 1.96 * 0.5 * 20 / np.sqrt(400), rel=0.25)
    assert few.effect_ends.lift["mail"].absolute == pytest.approx(many.effect_ends.lift["mail"].absolute)


def test_batches_of_customers_vary_as_single_ones_do() -> None:
    known, assigned = make_customers(20_000, seed=3), make_campaign(20_000, more=1.2, seed=5)
    lift = project(known, assigned).effect_ends.lift["mail"]
    by_arm = assigned.groupby("arm")["realised"].agg(["var", "count"])
    error = np.sqrt((by_arm["var"] / by_arm["count"]).sum())
    assert (lift.high - lift.low) / (2 * 1.96) == pytest.approx(error, rel=0.1)


def test_a_seed_gives_the_same_interval(
    projection: LiftProjection, cohorts: pd.DataFrame, campaign: pd.DataFrame
) -> None:
    assert project(cohorts, campaign).effect_persists == projection.effect_persists
    assert project(cohorts, campaign, seed=2).effect_persists != projection.effect_persists


def test_without_an_effect_nothing_is_promised(cohorts: pd.DataFrame) -> None:
    found = project(cohorts, make_campaign(3000, more=1.0, seed=300))
    for scenario in (found.effect_ends, found.effect_persists):
        assert scenario.lift["mail"].low < 0 < scenario.lift["mail"].high


def test_an_unknown_factor_counts_as_the_mean(cohorts: pd.DataFrame, campaign: pd.DataFrame) -> None:
    unknown = campaign.assign(visits=np.nan)
    filled = campaign.assign(visits=cohorts["visits"].mean())
    found, expected = project(cohorts, unknown), project(cohorts, filled)
    assert found.effect_persists.arms == pytest.approx(expected.effect_persists.arms)


def test_a_factor_that_never_varied_is_no_trouble(cohorts: pd.DataFrame, campaign: pd.DataFrame) -> None:
    more = {"factors": [*FACTORS, "shop"]}
    found = project(cohorts.assign(shop=1.0), campaign.assign(shop=1.0), **more)
    plain = project(cohorts, campaign)
    assert found.effect_persists.arms == pytest.approx(plain.effect_persists.arms)


def test_doubts_from_elsewhere_forbid_a_projection(cohorts: pd.DataFrame, campaign: pd.DataFrame) -> None:
    found = project(cohorts, campaign, doubts=("value foretold: 40% of what came (limit: 20 % off)",))
    assert found.effect_ends is found.effect_persists is None
    assert found.reasons == ("value foretold: 40% of what came (limit: 20 % off)",)


def test_an_index_that_foretells_nothing_projects_nothing(campaign: pd.DataFrame) -> None:
    noise = make_customers(4000, seed=9)
    rest = (noise["long_run"] - noise["realised"]).sample(frac=1.0, random_state=1).to_numpy()
    found = project(noise.assign(long_run=noise["realised"] + rest), campaign)
    assert found.effect_ends is found.effect_persists is None
    assert any("hardly better than by lot" in reason for reason in found.reasons)
    assert found.calibration is not None


def test_a_relation_that_is_no_line_projects_nothing(campaign: pd.DataFrame) -> None:
    known = make_customers(8000, seed=9)
    bent = known.assign(long_run=known["realised"] + 60.0 * (known["orders"] == 1))
    found = project(bent, campaign)
    assert found.effect_persists is None
    assert any("after the short run by decile" in reason for reason in found.reasons)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda k, c: (k.head(100), c), "earlier cohorts have 100 customers; it takes 300"),
        (lambda k, c: (k.head(0), c), "earlier cohorts have 0 customers"),
        (lambda k, c: (k, c[c["arm"] == "control"]), "no arm beside 'control'"),
        (lambda k, c: (k, c[c["arm"] == "mail"]), "no 'control'"),
        (lambda k, c: (k, c.head(0)), "no 'control'"),
        (lambda k, c: (k, pd.concat([c[c["arm"] == "control"], c.tail(20)])), "arm 'mail' has 20 customers"),
        (lambda k, c: (k, c.drop(columns="visits")), "the campaign: no column visits"),
        (
            lambda k, c: (k, c.assign(realised=np.nan)),
            "the campaign: margin is not known for 6,000 customers",
        ),
        (lambda k, c: (k.assign(long_run=np.inf), c), "earlier cohorts: margin is not known for 4,000"),
        (lambda k, c: (k.assign(long_run=k["realised"]), c), "brought in nothing after the short run"),
        (
            lambda k, c: (k, c.assign(orders=c["orders"] + 9)),
            r"control's orders is \+9.* standard deviations",
        ),
    ],
)
def test_bad_input_gives_a_reason_and_no_number(
    spoil, reason: str, cohorts: pd.DataFrame, campaign: pd.DataFrame
) -> None:
    found = project(*spoil(cohorts, campaign))
    assert found.effect_ends is found.effect_persists is None
    assert pd.Series(found.reasons).str.contains(reason).any(), found.reasons


def test_without_factors_there_is_no_index(cohorts: pd.DataFrame, campaign: pd.DataFrame) -> None:
    assert project(cohorts, campaign, factors=[]).reasons == ("no short-run factors are given",)
