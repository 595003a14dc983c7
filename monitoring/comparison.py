"""Today's factors beside those the champion was trained on, column by column.

Distances are Evidently's: the normed Wasserstein distance where samples are large (a test would call every
trifle significant there), Kolmogorov–Smirnov's test where they are small. Columns without anything to compare
never reach Evidently; they are findings of their own. The utmost values are drawn in first, or a few whales
more or fewer would look like a shop that changed.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from monitoring.drift_settings import DriftSettings

SEGMENT_MIX = "segment_mix"
NOISE_SIGMAS = 3.0

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
