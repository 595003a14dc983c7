"""Data health: does every source still deliver what it used to?

A silent feed, a file imported twice or cents where there were euros look like a change of customers'
behaviour, but retraining on them would learn the fault. So they are looked for first, source by source.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import pandas as pd

HISTORY_WEEKS = 8
HISTORY_MIN = 4
REGULAR_SHARE = 0.75
ROWS_MIN = 20.0
DEAD_SHARE = 0.05
DOUBLED_RATIO = 1.9
BEYOND_RANGE = 1.25
UNIT_RATIO = 20.0
REPEATED_SHARE = 0.4
REPEATED_MORE = 0.3


@dataclass(frozen=True, slots=True)
class FeedFinding:
    """A fault of one source: what kind, and a sentence with the numbers."""

    source: str
    kind: Literal["dead_feed", "doubled_import", "unit_change", "schema_break"]
    sentence: str


def check_feeds(weekly: pd.DataFrame, *, as_of: date) -> tuple[FeedFinding, ...]:
    """Compare each source's latest week with the median of up to eight weeks before.

    - `dead_feed`: fewer than 5 % of the usual rows.
    - `doubled_import`: more than 1.9 times the usual rows, and 1.25 times more than in any of these weeks; or at least
      40 % of the rows say what another one says under another id, where the week before it was 30 points less.
    - `unit_change`: the mean value is 20 times what it used to be, or a twentieth.

    A source is judged once it has delivered regularly: at least 20 rows a week (median) and in three quarters
    of at least four weeks, counted from its first to its last delivery among the eight. So a new, an
    occasional and a one-off source are no fault, and a silence is one for about a month.

    Args:
        weekly: a row a source and week: `source`, `week` (any day of it), `rows`, and optionally `mean_value`
            (null where the week has no values) and `repeated` (share of rows that are another one's likeness; null
            where it was not counted). Weeks are the seven days up to `as_of` and back from there;
            one that is not there had no rows.
        as_of: last day of the latest week; later rows are not looked at.

    Returns:
        The findings by source, in the order of their names.
    """
    age = (pd.Timestamp(as_of) - pd.to_datetime(weekly["week"])).dt.days // 7
    frame = weekly.assign(age=age)
    frame = frame[frame["age"].between(0, HISTORY_WEEKS)]
    findings = []
    for source, own in frame.groupby("source", sort=True):
        findings += _check_feed(str(source), own)
    return tuple(findings)


def _check_feed(source: str, weeks: pd.DataFrame) -> list[FeedFinding]:
    rows = weeks.groupby("age")["rows"].sum().reindex(range(HISTORY_WEEKS + 1), fill_value=0.0)
    past = _trim_silence(rows.loc[1:])
    if not _is_regular(past):
        return []
    now, usual, most = float(rows.loc[0]), float(past.median()), float(past.max())
    against = f"{now:,.0f} rows this week against {usual:,.0f} in a usual week"
    if now < DEAD_SHARE * usual:
        return [FeedFinding(source, "dead_feed", f"source '{source}' delivers no more: {against}")]
    findings = []
    if now > DOUBLED_RATIO * usual and now > BEYOND_RANGE * most:
        sentence = f"source '{source}' may have been imported twice: {against}, {most:,.0f} at most"
        findings.append(FeedFinding(source, "doubled_import", sentence))
    elif "repeated" in weeks:
        findings += _check_repeats(source, weeks)
    if "mean_value" in weeks:
        findings += _check_unit(source, weeks)
    return findings


def _trim_silence(rows: pd.Series) -> pd.Series:
    """The weeks from the first delivery to the last."""
    delivered = rows.index[rows > 0]
    return rows.iloc[:0] if delivered.empty else rows.loc[delivered[0] : delivered[-1]]


def _is_regular(past: pd.Series) -> bool:
    if len(past) < HISTORY_MIN:
        return False
    return bool((past > 0).mean() >= REGULAR_SHARE and past.median() >= ROWS_MIN)


def _check_repeats(source: str, weeks: pd.DataFrame) -> list[FeedFinding]:
    shares = weeks.groupby("age")["repeated"].mean().reindex([0, 1])
    now, before = float(shares[0]), float(shares[1])
    if not (now >= REPEATED_SHARE and now - before >= REPEATED_MORE):
        return []
    sentence = (
        f"source '{source}' may have been imported twice: {now:.0%} of this week's rows repeat another one under "
        f"another id, {before:.0%} in the week before"
    )
    return [FeedFinding(source, "doubled_import", sentence)]


def _check_unit(source: str, weeks: pd.DataFrame) -> list[FeedFinding]:
    means = weeks.set_index("age")["mean_value"].dropna()
    means = means[means > 0]
    past = means[means.index > 0]
    if 0 not in means.index or len(past) < HISTORY_MIN:
        return []
    now, usual = float(means.loc[[0]].mean()), float(past.median())
    if 1 / UNIT_RATIO < now / usual < UNIT_RATIO:
        return []
    sentence = (
        f"source '{source}' may have changed its unit: mean value {now:,.4g} this week against {usual:,.4g}"
    )
    return [FeedFinding(source, "unit_change", sentence)]
