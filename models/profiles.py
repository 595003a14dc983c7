"""What each segment is like: its size, its worth, its name, what sets it apart, and a rule to know it by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from models.naming import SLIGHT, FactorWords, find_family, name_segments
from models.rules import explain_segment, is_share, write_number

MAX_REASONS = 5
ONE_TIME_QUANTILE = 0.75
_STRENGTHS = ((1.2, "far "), (0.8, "much "), (0.5, ""), (0.0, "slightly "))


def profile_segments(
    factors: pd.DataFrame,
    assignment: pd.DataFrame,
    *,
    value: str,
    owner_names: Mapping[int, str] | None = None,
    earlier_names: Mapping[int, str] | None = None,
    descriptions: Mapping[str, FactorWords] | None = None,
) -> pd.DataFrame:
    """Describe every segment, one row a segment, by id.

    Args:
        factors: one row a customer_id, float64; may hold NaN.
        assignment: segment_id, strength and is_outlier by customer_id. A segment of outliers only is one of
            customers who belong nowhere.
        value: the factor that says what a customer is worth, such as `revenue_180d`; NaN is left out.
        owner_names: names the shop's owner gave, by segment id; they overrule.
        earlier_names: names the segments had; they stay, unless the owner named the segment otherwise or gave
            its name to another one.
        descriptions: words for single factors, in place of the built-in vocabulary.

    Returns:
        segment_id (int), segment_name, size (customers), share (0–1), value (mean a customer), reasons (a
        list of (factor, effect in words), at most `MAX_REASONS`, the most telling first, one a family of
        factors), rule (text), profile (JSON: `factors`: name → median and mean; `reasons`: factor, effect
        size and both medians;
        `rule`: precision and recall). The order of the rows and columns given does not matter.

    Raises:
        ValueError: `value` is no factor, or a customer has no factors.
    """
    if value not in factors.columns:
        raise ValueError(
            f"value '{value}' is not a factor; there are: {', '.join(map(str, factors.columns))}"
        )
    strangers = assignment.index.difference(factors.index)
    if len(strangers):
        raise ValueError(f"{len(strangers)} assigned customers have no factors, '{strangers[0]}' for one")
    factors = factors.loc[assignment.index, sorted(factors.columns)]
    segments = assignment["segment_id"].astype(int)
    effects = measure_effects(factors, segments)
    names = name_segments(
        effects,
        orders=count_usual_orders(factors, segments),
        owner=owner_names,
        earlier=earlier_names,
        outliers=_list_outlier_segments(assignment),
        descriptions=descriptions,
    )
    rows = [
        _describe_segment(factors, segments == segment, effects.loc[segment], value=value)
        | {"segment_id": segment, "segment_name": names[segment]}
        for segment in effects.index
    ]
    columns = ["segment_id", "segment_name", "size", "share", "value", "reasons", "rule", "profile"]
    return pd.DataFrame(rows, columns=columns)


def measure_effects(factors: pd.DataFrame, segments: pd.Series) -> pd.DataFrame:
    """How far each segment lies from all other customers in each factor, in standard deviations.

    The effect is √2·Φ⁻¹(A), where A is the probability that a customer of the segment has a higher value than
    one of the others, ties counted half (McGraw & Wong 1992, "A common language effect size statistic",
    Psychological Bulletin 111; Ruscio 2008, Psychological Methods 13). On normal values it equals Cohen's d;
    made of ranks alone, it is moved neither by extreme values nor by skew, and it does not vanish where most
    values are zero. Ranks see a hair's breadth as well as a gulf, though, such as that between two shrunken
    rates; so an effect that the means, 1 % of the values at either end drawn in, do not show in the same
    direction by at least `SLIGHT` counts as 0.

    Args:
        factors: one row a customer, float64; NaN is left out.
        segments: segment id by customer, on the same index.

    Returns:
        One row a segment id, one column a factor; NaN where either side has no known value.
    """
    by_segment = factors.rank().groupby(segments)
    inside, mean_rank = by_segment.count(), by_segment.mean()
    outside = factors.count() - inside
    known = (inside > 0) & (outside > 0)
    higher = ((mean_rank - (inside + 1) / 2) / outside).where(known)
    least = 0.5 / (inside * outside).where(known)
    effects = np.sqrt(2.0) * norm.ppf(np.clip(higher.to_numpy(), least.to_numpy(), 1 - least.to_numpy()))
    apart = np.sign(effects) * _compare_means(factors, segments).to_numpy() >= SLIGHT
    shown = np.where(apart | np.isnan(effects), effects, 0.0)
    # Rounded, so that the order in which ranks are added up cannot show.
    return pd.DataFrame(shown, index=higher.index.rename("segment_id"), columns=factors.columns).round(6)


def _compare_means(factors: pd.DataFrame, segments: pd.Series) -> pd.DataFrame:
    """Difference of a segment's mean to all others' in standard deviations, extreme values drawn in."""
    calm = factors.clip(factors.quantile(0.01), factors.quantile(0.99), axis=1)
    by_segment = calm.groupby(segments)
    inside, sums = by_segment.count(), by_segment.sum()
    others = (calm.sum() - sums) / (calm.count() - inside)
    return ((sums / inside - others) / calm.std().replace(0.0, np.nan)).round(9)


def count_usual_orders(factors: pd.DataFrame, segments: pd.Series) -> pd.Series | None:
    """By segment, the lifetime orders three quarters of its customers do not exceed; None where nobody counts them."""
    if "orders_lifetime" not in factors.columns:
        return None
    return factors["orders_lifetime"].groupby(segments).quantile(ONE_TIME_QUANTILE).round()


def _list_outlier_segments(assignment: pd.DataFrame) -> tuple[int, ...]:
    only = assignment["is_outlier"].astype(bool).groupby(assignment["segment_id"]).all()
    return tuple(int(segment) for segment in only.index[only])


def _describe_segment(
    factors: pd.DataFrame, members: pd.Series, effects: pd.Series, *, value: str
) -> dict[str, Any]:
    inside, outside = factors[members], factors[~members]
    rule = explain_segment(factors, members)
    medians, others = inside.median(), outside.median()
    means, other_means = inside.mean(), outside.mean()
    telling = _choose_reasons(effects)
    worded = [
        # Where both medians are the same, mostly zero, the means show what the ranks saw.
        (name, _write_effect(effects[name], medians[name], others[name], percent=is_share(factors[name])))
        if medians[name] != others[name]
        else (
            name,
            _write_effect(effects[name], means[name], other_means[name], percent=is_share(factors[name])),
        )
        for name in telling
    ]
    profile = {
        "factors": {n: {"median": _known(medians[n]), "mean": _known(means[n])} for n in factors.columns},
        "reasons": [
            {"factor": n, "effect": effects[n], "median": _known(medians[n]), "others": _known(others[n])}
            for n in telling
        ],
        "rule": {"precision": rule.precision, "recall": rule.recall},
    }
    return {
        "size": int(members.sum()),
        "share": float(members.mean()),
        "value": float(means[value]),
        "reasons": worded,
        "rule": rule.text,
        "profile": json.dumps(profile),
    }


def _choose_reasons(effects: pd.Series) -> list[str]:
    """The factor with the largest effect of each family, largest first; slight effects are left out."""
    known = effects.dropna()
    ordered = sorted(known.index, key=lambda name: (-abs(known[name]), name))
    strongest: dict[str, str] = {}
    for name in ordered:
        strongest.setdefault(find_family(name), name)
    return [name for name in strongest.values() if abs(known[name]) >= SLIGHT][:MAX_REASONS]


def _write_effect(effect: float, inside: float, outside: float, *, percent: bool) -> str:
    strength = next(word for least, word in _STRENGTHS if abs(effect) >= least)
    direction = "higher" if effect > 0 else "lower"
    size = f"{effect:+.1f}".replace("-", "−")
    shown, other = (write_number(value, percent=percent) for value in (inside, outside))
    return f"{strength}{direction} ({size}): {shown} against {other}"


def _known(number: float) -> float | None:
    """JSON has no NaN."""
    return round(float(number), 6) if np.isfinite(number) else None
