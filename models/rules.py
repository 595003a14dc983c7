"""A segment as a rule of a few plain conditions, and how far the rule can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.naming import label_factor

MAX_CONDITIONS = 4
SAMPLE = 20_000


@dataclass(frozen=True, slots=True)
class Condition:
    """A factor lies above `above` (exclusive) and at most at `at_most` (inclusive). Unknown values do not."""

    factor: str
    above: float
    at_most: float
    text: str

    def holds(self, factors: pd.DataFrame) -> np.ndarray:
        """Whether the condition holds, by customer."""
        values = factors[self.factor].to_numpy()
        return np.asarray((values > self.above) & (values <= self.at_most))


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions that all hold for the customers of a segment, more or less.

    Attributes:
        conditions: at most `MAX_CONDITIONS`; none where no rule was found.
        precision: the share of the customers who meet the rule that belong to the segment, 0–1.
        recall: the share of the segment's customers who meet the rule, 0–1.
        text: the rule in plain words with both shares.
    """

    conditions: tuple[Condition, ...]
    precision: float
    recall: float
    text: str


def explain_segment(factors: pd.DataFrame, members: pd.Series) -> Rule:
    """The rule that describes a segment best among those a shallow decision tree finds.

    A tree of depth 4 (Breiman et al. 1984, CART) is grown for the segment against all others. Each of its
    nodes is a rule; the one with the best F1 score is taken, the shorter where two are equal. Bounds are
    rounded before they are judged, so that precision and recall are those of the rule as it is written.

    Args:
        factors: one row a customer, float64; may hold NaN.
        members: bool by customer, on the index of `factors`.
    """
    factors = factors.loc[:, sorted(factors.columns)]
    belongs = members.to_numpy(dtype=bool)
    if not belongs.any() or belongs.all():
        share = float(belongs.any())
        return Rule((), share, share, "all customers" if share else "nobody")
    best: tuple[float, int, Rule] | None = None
    for conditions in _list_paths(factors, belongs):
        precision, recall = _score(conditions, factors, belongs)
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        rank = (round(f1, 9), -len(conditions))
        if best is None or rank > best[:2]:
            best = (*rank, Rule(conditions, precision, recall, _write_rule(conditions, precision, recall)))
    if best is None:
        return Rule((), float(belongs.mean()), 1.0, "no simple rule tells this segment apart")
    return best[2]


def _list_paths(factors: pd.DataFrame, belongs: np.ndarray) -> Iterator[tuple[Condition, ...]]:
    """The conditions on the way to each node of the tree but its root, those on one factor made one."""
    tree = _grow_tree(factors, belongs)
    whole = {name: _is_whole(factors[name]) for name in factors.columns}
    open_nodes: list[tuple[int, dict[str, tuple[float, float]]]] = [(0, {})]
    while open_nodes:
        node, bounds = open_nodes.pop()
        if bounds:
            yield tuple(
                _write_condition(name, *bounds[name], factors, whole=whole[name]) for name in sorted(bounds)
            )
        if tree.children_left[node] < 0:
            continue
        name = str(factors.columns[tree.feature[node]])
        cut = _round_bound(float(tree.threshold[node]), whole=whole[name])
        above, at_most = bounds.get(name, (-math.inf, math.inf))
        open_nodes.append((tree.children_right[node], bounds | {name: (max(above, cut), at_most)}))
        open_nodes.append((tree.children_left[node], bounds | {name: (above, min(at_most, cut))}))


def _grow_tree(factors: pd.DataFrame, belongs: np.ndarray) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    # Every nth customer by id: the same sample whatever the order of the rows.
    order = np.argsort(factors.index.to_numpy(), kind="stable")[:: max(1, len(factors) // SAMPLE)]
    sample, target = factors.iloc[order], belongs[order]
    filled = sample.fillna(sample.median()).fillna(0.0)
    smallest_leaf = max(1, min(len(sample) // 200, int(target.sum()) // 5))
    tree = DecisionTreeClassifier(
        max_depth=MAX_CONDITIONS, min_samples_leaf=smallest_leaf, class_weight="balanced", random_state=0
    )
    return tree.fit(filled.to_numpy(), target).tree_


def _score(
    conditions: tuple[Condition, ...], factors: pd.DataFrame, belongs: np.ndarray
) -> tuple[float, float]:
    meets = np.logical_and.reduce([condition.holds(factors) for condition in conditions])
    hits = int((meets & belongs).sum())
    return hits / max(int(meets.sum()), 1), hits / int(belongs.sum())


def _is_whole(values: pd.Series) -> bool:
    known = values.dropna()
    return bool((known == known.round()).all())


def _round_bound(bound: float, *, whole: bool) -> float:
    """A bound a person can remember: a whole number for counts, else three significant digits."""
    return float(math.floor(bound)) if whole else float(f"{bound:.3g}")


def _write_condition(
    name: str, above: float, at_most: float, factors: pd.DataFrame, *, whole: bool
) -> Condition:
    percent = is_share(factors[name])
    label, least = label_factor(name), above + 1 if whole else above
    low, high = write_number(least, percent=percent), write_number(at_most, percent=percent)
    if whole and at_most == 0 and factors[name].min() >= 0 and not label.startswith("days"):
        text = f"no {label}"
    elif whole and least == at_most:
        text = f"{label} exactly {high}"
    else:
        from_text = [f"at least {low}" if whole else f"above {low}"] if above > -math.inf else []
        to_text = [f"at most {high}"] if at_most < math.inf else []
        text = f"{label} {' and '.join(from_text + to_text)}"
    return Condition(name, above, at_most, text)


def is_share(values: pd.Series) -> bool:
    """Whether a factor, by its name and its values, is a part of one and reads best in per cent."""
    return str(values.name).endswith(("_share", "_rate", "_abandonment")) and bool(values.max() <= 1)


def write_number(value: float, *, percent: bool = False) -> str:
    """A number for reading, to three significant digits or whole, with a proper minus."""
    if not math.isfinite(value):
        return "unknown"
    if percent:
        return f"{value * 100:.3g} %".replace("-", "−")
    return (f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}").replace("-", "−")


def _write_rule(conditions: tuple[Condition, ...], precision: float, recall: float) -> str:
    joined = "; ".join(condition.text for condition in conditions)
    found, right = f"{recall * 100:.0f} %", f"{precision * 100:.0f} %"
    return (
        f"{joined[0].upper()}{joined[1:]} (finds {found} of the segment; {right} of those found belong to it)"
    )
