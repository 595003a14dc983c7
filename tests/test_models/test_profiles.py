"""Names, reasons and rules say what was planted, and nothing that is not true."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.naming import (
    OUTLIER_NAME,
    VOCABULARY,
    FactorWords,
    Trait,
    find_family,
    label_factor,
    name_segments,
)
from models.profiles import MAX_REASONS, measure_effects, profile_segments
from models.rules import MAX_CONDITIONS, explain_segment

# By segment: customers, and the means of what is unlike everybody else.
PLANTED: dict[int, tuple[int, dict[str, float]]] = {
    1: (120, {"orders_180d": 9, "orders_lifetime": 25, "revenue_180d": 900, "email_open_rate": 0.7}),
    2: (150, {"days_since_last_purchase": 250, "orders_180d": 0, "orders_lifetime": 1, "revenue_180d": 0}),
    3: (100, {"discount_share": 0.4, "discount_order_rate": 0.8, "mobile_share": 0.8}),
    4: (200, {}),
}
USUAL = {
    "days_since_last_purchase": 40.0,
    "orders_180d": 3.0,
    "orders_lifetime": 6.0,
    "revenue_180d": 150.0,
    "email_open_rate": 0.3,
    "discount_share": 0.05,
    "discount_order_rate": 0.2,
    "mobile_share": 0.4,
    "tenure_days": 300.0,
    "lessons_finished_90d": 2.0,
}
COUNTS = ("days_since_last_purchase", "orders_180d", "orders_lifetime", "tenure_days", "lessons_finished_90d")


def draw_shop(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Factors and assignment of a shop with the planted segments."""
    rng = np.random.default_rng(seed)
    parts = []
    for size, unlike in (planted for planted in PLANTED.values()):
        means = pd.Series(USUAL | unlike)
        parts.append(
            pd.DataFrame(means.to_numpy() * rng.lognormal(0, 0.3, (size, len(means))), columns=means.index)
        )
    factors = pd.concat(parts, ignore_index=True)
    factors[list(COUNTS)] = factors[list(COUNTS)].round()
    rates = [name for name in factors if name.endswith(("_rate", "_share"))]
    factors[rates] = factors[rates].clip(upper=1.0)
    factors.index = pd.Index([f"c{n:03d}" for n in range(len(factors))], name="customer_id")
    segments = np.repeat(list(PLANTED), [size for size, _unlike in PLANTED.values()])
    assignment = pd.DataFrame(
        {"segment_id": segments, "strength": 0.9, "is_outlier": False}, index=factors.index
    )
    return factors, assignment


def name_of(profiles: pd.DataFrame) -> dict[int, str]:
    return dict(zip(profiles["segment_id"], profiles["segment_name"], strict=True))


def test_names_say_what_was_planted() -> None:
    names = name_of(profile_segments(*draw_shop(), value="revenue_180d"))
    assert names[1] == "Loyal high spenders, e-mail responsive"
    assert names[2].startswith("Lapsed one-time buyers")
    assert names[3] == "Active discount hunters on mobile"


def test_every_shop_gets_the_same_names() -> None:
    expected = name_of(profile_segments(*draw_shop(0), value="revenue_180d"))
    for seed in (1, 2, 3):
        found = name_of(profile_segments(*draw_shop(seed), value="revenue_180d"))
        assert {i: found[i] for i in (1, 3)} == {i: expected[i] for i in (1, 3)}
        assert found[2].startswith("Lapsed one-time buyers")


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_rows_and_columns_does_not_matter(seed: int) -> None:
    factors, assignment = draw_shop()
    rng = np.random.default_rng(seed)
    expected = profile_segments(factors, assignment, value="revenue_180d")
    shuffled = factors.iloc[rng.permutation(len(factors)), rng.permutation(len(factors.columns))]
    found = profile_segments(shuffled, assignment.iloc[rng.permutation(len(factors))], value="revenue_180d")
    same = ["segment_id", "segment_name", "size", "share", "reasons", "rule"]
    pd.testing.assert_frame_equal(found[same], expected[same])


@settings(max_examples=15, deadline=None)
@given(st.permutations([11, 22, 33, 44]))
def test_names_belong_to_customers_not_to_ids(ids: list[int]) -> None:
    factors, assignment = draw_shop()
    names = name_of(profile_segments(factors, assignment, value="revenue_180d"))
    other = dict(zip(PLANTED, ids, strict=True))
    moved = assignment.assign(segment_id=assignment["segment_id"].map(other))
    assert name_of(profile_segments(factors, moved, value="revenue_180d")) == {
        other[i]: names[i] for i in names
    }


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 9), st.integers(0, 1000))
def test_no_two_segments_share_a_name(count: int, seed: int) -> None:
    factors, assignment = draw_shop()
    chance = np.random.default_rng(seed).permutation(np.arange(len(factors)) % count)
    profiles = profile_segments(factors, assignment.assign(segment_id=chance + 1), value="revenue_180d")
    assert profiles["segment_name"].is_unique
    assert len(profiles) == count


@settings(max_examples=15, deadline=None)
@given(
    st.integers(20, 60),
    st.integers(0, 1000),
    st.dictionaries(st.integers(1, 60), st.sampled_from(["Best", "Best 2", "Average customers"]), max_size=8),
    st.dictionaries(st.integers(1, 60), st.sampled_from(["Best", "Average customers 2"]), max_size=8),
)
def test_many_segments_that_are_nearly_the_same_still_have_a_name_each(
    count: int, seed: int, owner: dict[int, str], earlier: dict[int, str]
) -> None:
    """Effects that differ by less than anybody could say, owner's and earlier names in the way of found ones."""
    rng = np.random.default_rng(seed)
    alike = pd.Series({"orders_180d": 0.9, "revenue_180d": 0.8, "email_open_rate": -0.6, "aov": 0.3})
    effects = pd.DataFrame(
        alike.to_numpy() + rng.normal(0, 1e-4, (count, len(alike))),
        index=pd.RangeIndex(1, count + 1),
        columns=alike.index,
    )
    names = name_segments(effects, owner=owner, earlier=earlier, outliers=(2, 1))
    assert sorted(names) == list(range(1, count + 1))
    assert len(set(names.values())) == count
    assert name_segments(effects.iloc[::-1, ::-1], owner=owner, earlier=earlier, outliers=(2, 1)) == names
    first_of_name = {name: i for i, name in sorted(owner.items(), reverse=True) if i in names}
    assert {i: names[i] for i in first_of_name.values()} == {i: name for name, i in first_of_name.items()}


def test_segments_alike_get_their_next_trait_and_at_the_very_last_a_number() -> None:
    factors, assignment = draw_shop()
    rng = np.random.default_rng(5)
    mine = assignment["segment_id"] == 3
    halves = assignment.copy()
    halves.loc[mine, "segment_id"] = rng.permutation(np.arange(mine.sum()) % 2) + 8
    halves_alike = name_of(profile_segments(factors, halves, value="revenue_180d"))
    assert len(set(halves_alike.values())) == 5
    assert all(halves_alike[i].startswith("Active discount hunters on mobile") for i in (8, 9))
    factors.loc[halves["segment_id"] == 9, "tenure_days"] = 20.0
    told_apart = name_of(profile_segments(factors, halves, value="revenue_180d"))
    assert told_apart[9] == "New discount hunters on mobile"
    assert told_apart[8] == "Active discount hunters on mobile"


def test_customers_who_belong_nowhere_are_unusual() -> None:
    factors, assignment = draw_shop()
    assignment.loc[assignment["segment_id"] == 4, ["segment_id", "is_outlier"]] = [0, True]
    assignment.loc[assignment.index[:5], "is_outlier"] = True
    profiles = profile_segments(factors, assignment, value="revenue_180d")
    assert name_of(profiles)[0] == OUTLIER_NAME
    assert profiles.set_index("segment_id").loc[0, "size"] == 200
    assert OUTLIER_NAME not in {name for i, name in name_of(profiles).items() if i}


def test_the_owners_name_overrules_and_earlier_names_stay() -> None:
    given = {"owner_names": {1: "Our best", 99: "Nobody"}, "earlier_names": {1: "Old name", 4: "The rest"}}
    names = name_of(profile_segments(*draw_shop(), value="revenue_180d", **given))
    assert (names[1], names[4], names[3]) == ("Our best", "The rest", "Active discount hunters on mobile")
    assert set(names) == set(PLANTED)


def test_the_owner_may_give_a_segment_the_name_another_one_had() -> None:
    names = name_of(
        profile_segments(
            *draw_shop(),
            value="revenue_180d",
            owner_names={4: "Old name"},
            earlier_names={3: "Old name", 4: "The rest"},
        )
    )
    assert names[4] == "Old name"
    assert names[3] == "Active discount hunters on mobile"


def test_two_segments_of_unusual_customers_keep_the_names_that_tell_them_apart() -> None:
    factors, assignment = draw_shop()
    assignment["is_outlier"] = assignment["segment_id"].isin([1, 2])
    moved = assignment.assign(segment_id=assignment["segment_id"].replace({1: 0, 2: -1}))
    told = {0: "Unusual customers, valuable", -1: "Unusual customers, dormant"}
    names = name_of(profile_segments(factors, moved, value="revenue_180d", earlier_names=told))
    assert {i: names[i] for i in told} == told
    plain = name_of(profile_segments(factors, moved, value="revenue_180d"))
    assert {plain[0], plain[-1]} == {OUTLIER_NAME, f"{OUTLIER_NAME} 2"}


def test_a_name_the_owner_took_is_not_given_again() -> None:
    taken = {4: "Active discount hunters on mobile"}
    names = name_of(profile_segments(*draw_shop(), value="revenue_180d", owner_names=taken))
    assert names[4] == taken[4]
    assert names[3] != taken[4]
    assert names[3].startswith("Active discount hunters on mobile")


def test_a_factor_nobody_has_heard_of_is_named_by_its_own_words() -> None:
    factors, assignment = draw_shop()
    factors.loc[assignment["segment_id"] == 4, "lessons_finished_90d"] = 12.0
    names = name_of(profile_segments(factors, assignment, value="revenue_180d"))
    assert "high lessons finished" in names[4]
    words = {"lessons_finished_90d": FactorWords(high=(Trait("eager learners", "who"),))}
    names = name_of(profile_segments(factors, assignment, value="revenue_180d", descriptions=words))
    assert "eager learners" in names[4]


def test_reasons_are_few_strongest_first_and_one_a_family() -> None:
    profiles = profile_segments(*draw_shop(), value="revenue_180d").set_index("segment_id")
    reasons = profiles.loc[3, "reasons"]
    assert {name for name, _effect in reasons[:2]} <= {
        "discount_share",
        "discount_order_rate",
        "mobile_share",
    }
    assert reasons[0][1].startswith("far higher (+")
    for listed in profiles["reasons"]:
        families = [find_family(name) for name, _effect in listed]
        assert len(families) == len(set(families)) <= MAX_REASONS
    read = json.loads(profiles.loc[3, "profile"])
    sizes = [abs(reason["effect"]) for reason in read["reasons"]]
    assert sizes == sorted(sizes, reverse=True)
    assert read["factors"]["discount_share"]["median"] == pytest.approx(0.4, rel=0.15)


def test_size_share_and_value_are_those_of_the_customers() -> None:
    factors, assignment = draw_shop()
    factors.loc["c000", "revenue_180d"] = np.nan
    profiles = profile_segments(factors, assignment, value="revenue_180d").set_index("segment_id")
    assert profiles["size"].to_dict() == {i: size for i, (size, _unlike) in PLANTED.items()}
    assert profiles["share"].sum() == pytest.approx(1.0)
    expected = factors["revenue_180d"].groupby(assignment["segment_id"]).mean()
    assert profiles["value"].to_dict() == pytest.approx(expected.to_dict())


def test_effects_on_normal_values_are_cohens_d() -> None:
    rng = np.random.default_rng(1)
    segments = pd.Series(np.repeat([1, 2], 20_000))
    shift = pd.DataFrame({"shift": rng.normal(0, 1, 40_000) + 0.8 * (segments == 1)})
    effects = measure_effects(shift, segments)
    assert effects.loc[1, "shift"] == pytest.approx(0.8, abs=0.03)
    assert effects.loc[2, "shift"] == pytest.approx(-0.8, abs=0.03)


def test_a_hairs_breadth_is_no_effect() -> None:
    """Few trials are drawn to the population's rate, which makes their rank high and nothing else."""
    rng = np.random.default_rng(2)
    segments = pd.Series(np.repeat([1, 2], [300, 700]))
    rate = np.where(rng.random(1000) < 0.1, 0.5, 0.02)
    rate[:300] = np.where(rng.random(300) < 0.1, 0.4, 0.03)
    assert measure_effects(pd.DataFrame({"return_rate": rate}), segments)["return_rate"].tolist() == [
        0.0,
        0.0,
    ]


def test_a_factor_unknown_on_one_side_has_no_effect() -> None:
    factors = pd.DataFrame({"aov": [1.0, 2.0, np.nan, np.nan], "tenure_days": [1.0, 2.0, 3.0, 4.0]})
    effects = measure_effects(factors, pd.Series([1, 1, 2, 2]))
    assert effects["aov"].isna().all()
    assert effects.loc[2, "tenure_days"] > 0


def test_a_planted_rule_is_found_and_holds_what_it_promises() -> None:
    rng = np.random.default_rng(3)
    factors = pd.DataFrame(
        {
            "orders_90d": rng.integers(0, 12, 2000),
            "discount_share": rng.random(2000),
            "aov": rng.gamma(2, 50, 2000),
        }
    ).astype(float)
    members = (factors["orders_90d"] >= 5) & (factors["discount_share"] > 0.6)
    rule = explain_segment(factors, members)
    assert {condition.factor for condition in rule.conditions} == {"orders_90d", "discount_share"}
    assert rule.precision > 0.98
    assert rule.recall > 0.98
    assert re.match(r"Discount share above 60\.?\d* %; orders in 90 days at least 5 \(finds ", rule.text)


@pytest.mark.parametrize("segment", PLANTED)
def test_precision_and_recall_are_those_of_the_rule_as_written(segment: int) -> None:
    factors, assignment = draw_shop()
    factors.loc[factors.index[::7], "tenure_days"] = np.nan
    members = assignment["segment_id"] == segment
    rule = explain_segment(factors, members)
    meets = np.ones(len(factors), dtype=bool)
    for condition in rule.conditions:
        meets &= condition.holds(factors)
    assert 1 <= len(rule.conditions) <= MAX_CONDITIONS
    assert rule.precision == pytest.approx((meets & members).sum() / meets.sum())
    assert rule.recall == pytest.approx((meets & members).sum() / members.sum())
    assert f"finds {rule.recall * 100:.0f} % of the segment" in rule.text


def test_one_segment_of_everybody_needs_no_rule() -> None:
    factors, assignment = draw_shop()
    profiles = profile_segments(factors, assignment.assign(segment_id=1), value="revenue_180d")
    assert profiles.loc[0, "rule"] == "all customers"
    assert profiles.loc[0, "segment_name"] == "Average customers"
    assert profiles.loc[0, "reasons"] == []


def test_customers_who_are_all_alike_have_no_rule() -> None:
    factors = pd.DataFrame({"aov": [5.0] * 10})
    rule = explain_segment(factors, pd.Series([True] * 3 + [False] * 7))
    assert rule.conditions == ()
    assert rule.precision == pytest.approx(0.3)
    assert rule.text == "no simple rule tells this segment apart"


def test_errors_name_the_thing() -> None:
    factors, assignment = draw_shop()
    with pytest.raises(ValueError, match="value 'profit' is not a factor"):
        profile_segments(factors, assignment, value="profit")
    with pytest.raises(ValueError, match="1 assigned customers have no factors, 'c000'"):
        profile_segments(factors.iloc[1:], assignment, value="revenue_180d")


def test_every_factor_of_the_project_has_words() -> None:
    from models.factors import list_factors

    unnamed = [factor.name for factor in list_factors() if find_family(factor.name) not in VOCABULARY]
    assert unnamed == []


@pytest.mark.parametrize(
    ("factor", "label"),
    [
        ("orders_180d", "orders in 180 days"),
        ("revenue_lifetime", "revenue in all"),
        ("email_open_rate", "e-mail open rate"),
        ("aov", "average order value"),
    ],
)
def test_factors_in_words(factor: str, label: str) -> None:
    assert label_factor(factor) == label
