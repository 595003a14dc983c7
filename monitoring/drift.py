"""Drift: do customers still behave as those the champion was trained on, and what follows from it?

Distances are Evidently's: the normed Wasserstein distance where samples are large (a test would call every
trifle significant there), Kolmogorov–Smirnov's test where they are small. Columns without anything to compare
never reach Evidently; they are findings of their own. The utmost values are drawn in first, or a few whales
more or fewer would look like a shop that changed.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

SEGMENT_MIX = "segment_mix"
NOISE_SIGMAS = 3.0
REASONS_SHOWN = 5


class DriftSettings(BaseModel):
    """When a difference counts, and when differences lead to something.

    Attributes:
        threshold: a factor has drifted from here on: normed Wasserstein distance (in standard deviations of
            the reference), or share of customers whose value appeared, vanished or left a constant.
        alpha: error of the test used on small samples, divided by the number of factors tested (Bonferroni).
        tail: share of values drawn in at either end, to the quantiles of both sides together.
        large: with at least so many known values on both sides, the distance decides, below it the test.
        small: with fewer known values on one side nothing is said about a factor.
        sample: customers compared on each side at most, drawn at random.
        mix_threshold: the mix of segments has drifted from this population stability index on.
        share_watch: share of drifted factors from which on the decision is `watch`.
        share_retrain: share of drifted factors from which on it is `retrain`.
        ignored: factors not compared; by default those that only grow with the calendar.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: float = Field(default=0.1, gt=0)
    alpha: float = Field(default=0.05, gt=0, lt=1)
    tail: float = Field(default=0.005, ge=0, lt=0.1)
    large: int = Field(default=3000, ge=1)
    small: int = Field(default=20, ge=2)
    sample: int = Field(default=5000, ge=100)
    mix_threshold: float = Field(default=0.1, gt=0)
    share_watch: float = Field(default=0.10, gt=0, le=1)
    share_retrain: float = Field(default=0.25, gt=0, le=1)
    ignored: tuple[str, ...] = ("tenure_days", "orders_lifetime", "revenue_lifetime")

    @model_validator(mode="after")
    def _watch_comes_first(self) -> DriftSettings:
        if self.share_watch > self.share_retrain:
            limit = f"at most share_retrain ({self.share_retrain:g})"
            raise ValueError(f"share_watch is {self.share_watch:g}, allowed is {limit}")
        return self


Method = Literal["wasserstein", "ks", "missing_share", "left_constant", "absent", "new", "too_few", "psi"]


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How far one column moved.

    Attributes:
        column: the factor, or `segment_mix`.
        method: `wasserstein` (distance), `ks` (p-value), `missing_share` (how far the share of unknown values
            moved), `left_constant` (share of customers off the one value of the other side), `absent` (gone),
            `new` (not in the reference), `too_few` (values to compare), `psi` (segment mix).
        score: in the method's own measure; NaN where there is none.
        threshold: the score from which on (`ks`: up to which) it is drift; NaN where there is none.
        drifted: whether it is.
        reference_mean, current_mean: of the known values in the samples, tails included.
    """

    column: str
    method: Method
    score: float
    threshold: float
    drifted: bool
    reference_mean: float = np.nan
    current_mean: float = np.nan

    def explain(self) -> str:
        """The finding as a sentence."""
        means = f"{self.column}: mean {self.reference_mean:.3g} → {self.current_mean:.3g}"
        against = f"threshold {self.threshold:.2g}"
        sentences: dict[Method, str] = {
            "wasserstein": f"{means}; normed Wasserstein distance {self.score:.2f} ({against})",
            "ks": f"{means}; Kolmogorov–Smirnov p = {self.score:.1g} ({against})",
            "missing_share": f"{self.column}: share of unknown values moved by {self.score:.0%} ({against})",
            "left_constant": f"{means}; {self.score:.0%} of customers left the one value of all ({against})",
            "absent": f"{self.column}: in the reference, but no longer computed",
            "new": f"{self.column}: not in the reference, so not compared",
            "too_few": f"{self.column}: too few customers with a value to compare",
            "psi": f"the mix of segments: population stability index {self.score:.2f} ({against})",
        }
        return sentences[self.method]


@dataclass(frozen=True, slots=True)
class DriftMeasurement:
    """What moved: `columns` has a row a column, worst first: the fields of `ColumnDrift` and a `sentence`.

    `html` is Evidently's own report, None where there was nothing to compare.
    """

    columns: pd.DataFrame
    html: str | None


@dataclass(frozen=True, slots=True)
class DriftDecision:
    """What follows: `drifted` names the columns, most drifted first; `reasons` are sentences."""

    decision: Literal["none", "watch", "retrain", "data_fault"]
    drifted: tuple[str, ...]
    reasons: tuple[str, ...]


def measure_drift(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    settings: DriftSettings,
    seed: int,
    reference_mix: pd.Series | None = None,
    current_mix: pd.Series | None = None,
) -> DriftMeasurement:
    """Compare the factors of today's customers with those of the reference.

    Args:
        reference, current: one row a customer, one float64 column a factor; their columns may differ.
        settings: sizes and thresholds.
        seed: of the samples; the same rows in any order give the same result.
        reference_mix, current_mix: customers by segment, then and now; they give the row `segment_mix`.
    """
    samples = [_draw_sample(frame, settings=settings, seed=seed) for frame in (reference, current)]
    before, after = _draw_in_tails(*samples, tail=settings.tail)
    names = [*before.columns, *after.columns.difference(before.columns, sort=False)]
    findings = {name: _find_incomparable(name, before, after, settings=settings) for name in names}
    comparable = [name for name, finding in findings.items() if finding is None]
    compared, html = _run_evidently(before[comparable], after[comparable], settings=settings)
    rows = [finding for finding in findings.values() if finding is not None] + compared
    rows = [_add_means(row, *samples) for row in rows]
    if reference_mix is not None and current_mix is not None:
        rows.append(measure_mix(reference_mix, current_mix, settings=settings))
    ordered = sorted(rows, key=_measure_severity, reverse=True)
    records = [asdict(row) | {"sentence": row.explain()} for row in ordered]
    return DriftMeasurement(pd.DataFrame(records, columns=[*ColumnDrift.__slots__, "sentence"]), html)


def measure_mix(reference: pd.Series, current: pd.Series, *, settings: DriftSettings) -> ColumnDrift:
    """Population stability index of the segments' shares, from customers by segment.

    Half a customer is added to every segment, so that one that came or went has a logarithm. By chance alone
    the index follows (1/n + 1/m)·χ² with segments − 1 degrees of freedom (Yurdakul 2018, "Statistical
    properties of population stability index"); with few customers the threshold is raised to that.
    """
    from scipy.stats import chi2  # takes a second, which the configuration is not to wait for

    counts = pd.DataFrame({"then": reference, "now": current}).fillna(0.0).astype("float64")
    customers = counts.sum()
    if len(counts) == 0 or customers.min() < settings.small:
        return ColumnDrift(SEGMENT_MIX, "too_few", np.nan, np.nan, drifted=False)
    shares = (counts + 0.5) / (counts + 0.5).sum()
    index = float(((shares["now"] - shares["then"]) * np.log(shares["now"] / shares["then"])).sum())
    chance = float(chi2.isf(settings.alpha, max(len(counts) - 1, 1)) * (1 / customers).sum())
    threshold = max(settings.mix_threshold, chance)
    return ColumnDrift(SEGMENT_MIX, "psi", index, threshold, drifted=index >= threshold)


def decide_drift(
    measurement: DriftMeasurement | None, *, data_faults: Sequence[str], settings: DriftSettings
) -> DriftDecision:
    """Turn faults of the data and drift of the factors into one decision.

    The first rule that holds decides:

    1. `data_fault`: there is a fault in the data (retraining on it would learn the fault).
    2. `none`: there is no reference yet, or nothing to compare.
    3. `retrain`: the share of drifted factors is at least `share_retrain`.
    4. `watch`: it is at least `share_watch`, or the mix of segments has drifted.
    5. `none`.
    """
    drifted = () if measurement is None else _list_drifted(measurement.columns)
    if data_faults:
        return DriftDecision("data_fault", drifted, tuple(data_faults))
    if measurement is None:
        return DriftDecision("none", (), ("no reference yet: drift is measured from the first champion on",))
    columns = measurement.columns
    factors = columns[(columns["column"] != SEGMENT_MIX) & (columns["drifted"] | columns["score"].notna())]
    if factors.empty:
        few = f"fewer than {settings.small} customers with values to compare: drift cannot be measured"
        return DriftDecision("none", (), (few,))
    share = float(factors["drifted"].mean())
    summary = f"{factors['drifted'].sum()} of {len(factors)} factors drifted ({share:.0%})"
    reasons = (_explain_share(summary, share, settings), *_explain_columns(columns))
    if share >= settings.share_retrain:
        return DriftDecision("retrain", drifted, reasons)
    if share >= settings.share_watch or SEGMENT_MIX in drifted:
        return DriftDecision("watch", drifted, reasons)
    return DriftDecision("none", drifted, reasons)


def _draw_sample(frame: pd.DataFrame, *, settings: DriftSettings, seed: int) -> pd.DataFrame:
    compared = frame.drop(columns=list(settings.ignored), errors="ignore")
    if len(compared) > settings.sample:
        rows = np.random.default_rng(seed).choice(len(compared), settings.sample, replace=False)
        compared = compared.sort_index().iloc[np.sort(rows)]
    # Customer ids must not reach Evidently's report.
    return compared.reset_index(drop=True).astype("float64").replace([np.inf, -np.inf], np.nan)


def _draw_in_tails(
    before: pd.DataFrame, after: pd.DataFrame, *, tail: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    bounds = pd.concat([before, after]).quantile([tail, 1 - tail])
    low, high = bounds.iloc[0], bounds.iloc[1]
    return (
        before.clip(lower=low[before.columns], upper=high[before.columns], axis=1),
        after.clip(lower=low[after.columns], upper=high[after.columns], axis=1),
    )


def _find_incomparable(
    name: str, before: pd.DataFrame, after: pd.DataFrame, *, settings: DriftSettings
) -> ColumnDrift | None:
    """What can be said of a column whose values cannot be compared as distributions; None for all others."""
    if name not in after:
        return ColumnDrift(name, "absent", np.nan, np.nan, drifted=True)
    if name not in before:
        return ColumnDrift(name, "new", np.nan, np.nan, drifted=False)
    too_few = ColumnDrift(name, "too_few", np.nan, np.nan, drifted=False)
    if min(len(before), len(after)) < settings.small:
        return too_few
    missing = _compare_flags(
        name, "missing_share", before[name].isna(), after[name].isna(), settings=settings
    )
    then, now = before[name].dropna(), after[name].dropna()
    if missing.drifted or (then.empty and now.empty):
        return missing
    if min(len(then), len(now)) < settings.small:
        return too_few
    if _is_constant(then) or _is_constant(now):
        constant = then.iloc[0] if _is_constant(then) else now.iloc[0]
        return _compare_flags(name, "left_constant", then != constant, now != constant, settings=settings)
    return None


def _is_constant(values: pd.Series) -> bool:
    return bool((values == values.iloc[0]).all())


def _compare_flags(
    name: str, method: Method, then: pd.Series, now: pd.Series, *, settings: DriftSettings
) -> ColumnDrift:
    """Difference of two shares; the threshold is never below what chance makes of few customers."""
    score = abs(float(now.mean()) - float(then.mean()))
    pooled = float(pd.concat([then, now]).mean())
    chance = NOISE_SIGMAS * np.sqrt(pooled * (1 - pooled) * (1 / len(then) + 1 / len(now)))
    threshold = max(settings.threshold, float(chance))
    return ColumnDrift(name, method, score, threshold, drifted=score >= threshold)


def _add_means(row: ColumnDrift, before: pd.DataFrame, after: pd.DataFrame) -> ColumnDrift:
    then, now = (float(side[row.column].mean()) if row.column in side else np.nan for side in (before, after))
    return replace(row, reference_mean=then, current_mean=now)


def _run_evidently(
    before: pd.DataFrame, after: pd.DataFrame, *, settings: DriftSettings
) -> tuple[list[ColumnDrift], str | None]:
    if before.columns.empty:
        return [], None
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    method: dict[str, Method] = {
        name: "wasserstein" if min(before[name].count(), after[name].count()) >= settings.large else "ks"
        for name in before.columns
    }
    thresholds = {"wasserstein": settings.threshold, "ks": settings.alpha / len(method)}
    metrics = [
        ValueDrift(column=name, method=chosen, threshold=thresholds[chosen])
        for name, chosen in method.items()
    ]
    definition = DataDefinition(numerical_columns=list(before.columns))
    with warnings.catch_warnings():
        # Where ties are many, SciPy falls back from the exact p-value to the asymptotic one and warns of it.
        warnings.simplefilter("ignore", RuntimeWarning)
        snapshot = Report(metrics).run(
            Dataset.from_pandas(after, data_definition=definition),
            Dataset.from_pandas(before, data_definition=definition),
        )
    scores = {metric["config"]["column"]: float(metric["value"]) for metric in snapshot.dict()["metrics"]}
    rows = []
    for name, chosen in method.items():
        score, threshold = scores[name], thresholds[chosen]
        drifted = score >= threshold if chosen == "wasserstein" else score <= threshold
        rows.append(ColumnDrift(name, chosen, score, threshold, drifted))
    return rows, snapshot.get_html_str(as_iframe=False)


def _measure_severity(row: ColumnDrift) -> float:
    """How many times over the threshold; what is gone comes first, what cannot be told last."""
    if np.isnan(row.score):
        return np.inf if row.drifted else -1.0
    if row.method == "ks":
        return row.threshold / max(row.score, np.finfo(float).tiny)
    return row.score / row.threshold


def _list_drifted(columns: pd.DataFrame) -> tuple[str, ...]:
    return tuple(columns.loc[columns["drifted"], "column"])


def _explain_share(summary: str, share: float, settings: DriftSettings) -> str:
    if share >= settings.share_retrain:
        return f"{summary}: retrain from {settings.share_retrain:.0%} on"
    if share >= settings.share_watch:
        return (
            f"{summary}: watch from {settings.share_watch:.0%}, retrain from {settings.share_retrain:.0%} on"
        )
    return f"{summary}, fewer than {settings.share_watch:.0%}"


def _explain_columns(columns: pd.DataFrame) -> tuple[str, ...]:
    is_mix = columns["column"] == SEGMENT_MIX
    moved = columns[columns["drifted"] & ~is_mix].head(REASONS_SHOWN)
    told = pd.concat([columns[columns["drifted"] & is_mix], moved, columns[columns["method"] == "new"]])
    return tuple(told["sentence"])
