"""What goes wrong between a shop and its data: rows that come late, twice, or broken, each one counted."""

from datetime import date

import numpy as np
import pandas as pd

from models.simulation.events import SOURCES

FLAWS = (
    "bad_timestamp",
    "negative_value",
    "text_value",
    "missing_keys",
    "missing_id",
    "unknown_kind",
    "future_timestamp",
)
DUPLICATE, LATE = "duplicate", "late"
FUTURE_YEARS = 70
WORST_SHARE = 0.04  # broken rows never make up more of what a source delivers for a day

_LATE_SHARE, _DUPLICATE_SHARE = 0.010, 0.007
_FLAW_SHARES = (0.0010, 0.0008, 0.0005, 0.0010, 0.0008, 0.0020, 0.00005)
_MONEY_FLAWS = ("negative_value", "text_value")
_TYPED_SOURCE = "app"  # Parquet has types: no text in a number there, and an unreadable time is a null


def deliver_late(events: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    """Add `delivered_on`: the shop's day itself, or 7 to 21 days later for about one row in a hundred.

    A session is late as a whole, as from a phone that was offline.
    """
    session = events["session_id"].fillna(-1).to_numpy(dtype=np.int64)
    own = rng.random(len(events)) < _LATE_SHARE
    whole = rng.random(session.max(initial=-1) + 2) < _LATE_SHARE  # the last entry answers for "no session"
    late = np.where(session >= 0, whole[session], own)
    delay = rng.integers(7, 22, len(whole))[session]
    delay = np.where(session >= 0, delay, rng.integers(7, 22, len(events)))
    wait = pd.to_timedelta(np.where(late, delay, 0), unit="D").astype("timedelta64[s]")
    return events.assign(delivered_on=events["occurred_on"] + wait)


def draw_mess(events: pd.DataFrame, *, last_day: date, rng: np.random.Generator) -> pd.DataFrame:
    """Rows a source hands over beside its good ones: events with `delivered_on`, and the column `flaw`.

    A duplicate is an event once more, same number, 1 to 10 days after it was first delivered. Every other
    row is a copy of an event under a new number, spoilt in one way (`FLAWS`); a future timestamp already
    stands in `occurred_at`, the others are for the source's format to write. Rows due after `last_day` are
    left out.
    """
    rows = pd.concat([_repeat(events, rng=rng), _spoil(events, rng=rng)], ignore_index=True)
    rows = rows[rows["delivered_on"] <= pd.Timestamp(last_day)]
    return rows.sort_values(["delivered_on", "event_id"], ignore_index=True)


def list_mess(events: pd.DataFrame, mess: pd.DataFrame) -> pd.DataFrame:
    """Every messy row as truth: source, flaw (with `duplicate` and `late`), occurred_on, delivered_on."""
    columns = ["source", "flaw", "occurred_on", "delivered_on"]
    late = events[events["delivered_on"] > events["occurred_on"]].assign(flaw=LATE)
    listed = pd.concat([mess[columns], late[columns]], ignore_index=True)
    return listed.astype({"source": "str", "flaw": "str"})


def count_mess(mess: pd.DataFrame, *, start: date | None, end: date) -> pd.DataFrame:
    """Messy rows of the delivery of the days after `start` until `end`, one row a source.

    `mess` is `Truth.mess`. Columns: `duplicates`; `late`, rows that happened on a day an earlier delivery
    covered (duplicates not among them); one for each of `FLAWS`; and `quarantined`, the sum of those.
    """
    delivered = mess[mess["delivered_on"] <= pd.Timestamp(end)]
    if start is not None:
        delivered = delivered[delivered["delivered_on"] > pd.Timestamp(start)]
    early = pd.Timestamp.min if start is None else pd.Timestamp(start)
    delivered = delivered[(delivered["flaw"] != LATE) | (delivered["occurred_on"] <= early)]
    counts = pd.crosstab(delivered["source"], delivered["flaw"]).reindex(
        index=list(SOURCES), columns=[DUPLICATE, LATE, *FLAWS], fill_value=0
    )
    counts = counts.rename(columns={DUPLICATE: "duplicates"}).rename_axis(columns=None)
    return counts.assign(quarantined=counts[list(FLAWS)].sum(axis=1))


def _repeat(events: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    again = events[rng.random(len(events)) < _DUPLICATE_SHARE]
    wait = pd.to_timedelta(rng.integers(1, 11, len(again)), unit="D").astype("timedelta64[s]")
    return again.assign(delivered_on=again["delivered_on"] + wait, flaw=DUPLICATE)


def _spoil(events: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    shares = np.append(_FLAW_SHARES, 1 - sum(_FLAW_SHARES))
    drawn = np.append(FLAWS, "")[rng.choice(len(shares), size=len(events), p=shares)]
    has_money = (events["value"].notna() & (events["value"] > 0)).to_numpy()
    typed = (events["source"] == _TYPED_SOURCE).to_numpy()
    possible = (
        (drawn != "") & (has_money | ~np.isin(drawn, _MONEY_FLAWS)) & ~(typed & (drawn == "text_value"))
    )
    spoilt = events[possible].assign(flaw=drawn[possible])
    spoilt["event_id"] = len(events) + np.arange(len(spoilt))
    leap = pd.to_timedelta(np.where(spoilt["flaw"] == "future_timestamp", 365 * FUTURE_YEARS, 0), unit="D")
    spoilt["occurred_at"] += leap.astype("timedelta64[s]")
    of_the_day = events.groupby(["source", "delivered_on"], observed=True).size().rename("good")
    good = spoilt.join(of_the_day, on=["source", "delivered_on"])["good"]
    position = spoilt.groupby(["source", "delivered_on"], observed=True).cumcount()
    return spoilt[position < np.floor(WORST_SHARE * good)]
