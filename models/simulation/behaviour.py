"""How people live with the shop: when they visit, through which channel, and whether they buy.

Purchases of a person are a gamma renewal process (Ross, *Stochastic Processes*, ch. 3) in a time of its own
that runs faster at weekends and towards the end of the year; visits without purchase are a Poisson process in
the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from models.simulation.people import SHIFTED_DISCOUNT
from models.simulation.segments import CHANNELS, SHIFTING_SEGMENT, Segment

DISCOUNT_DEPTHS = (0.10, 0.20, 0.30)
SHIFTED_DEPTHS = (0.20, 0.30, 0.40)
ORDER_SIGMA = 0.35  # spread of a person's order values, lognormal

_WEEKDAYS = np.array([0.95, 0.92, 0.94, 0.98, 1.05, 1.14, 1.02])  # Monday first


@dataclass(frozen=True, slots=True)
class Calendar:
    """The watched days; `busyness[segment, day]` is the own time of a segment at that day's morning."""

    first_day: date
    days: int
    shift_day: float
    busyness: np.ndarray

    def run_through(self, segment: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Own time at `day` (days since the first, fractions allowed), for people of these segments."""
        return self._interpolate(segment, day, forward=True)

    def find_day(self, segment: np.ndarray, own_time: np.ndarray) -> np.ndarray:
        """The day at which `own_time` is reached; the inverse of `run_through`."""
        return self._interpolate(segment, own_time, forward=False)

    def _interpolate(self, segment: np.ndarray, at: np.ndarray, *, forward: bool) -> np.ndarray:
        mornings = np.arange(self.days + 1, dtype=float)
        found = np.empty(len(at))
        for number, busy in enumerate(self.busyness):
            own = segment == number
            found[own] = np.interp(at[own], mornings, busy) if forward else np.interp(at[own], busy, mornings)
        return found


def build_calendar(
    segments: Sequence[Segment], *, first_day: date, days: int, shift_week: int | None
) -> Calendar:
    """Weekly and yearly seasons of each segment; a shift starts `7 × shift_week` days in."""
    dates = pd.date_range(first_day, periods=days)
    weekly = _WEEKDAYS[dates.dayofweek]
    peak = np.cos(2 * np.pi * (dates.dayofyear.to_numpy() - 340) / 365.25)  # highest early in December
    yearly = 1 + np.array([s.season for s in segments])[:, None] * np.where(peak > 0, peak**3, 0.2 * peak)
    busyness = np.concatenate([np.zeros((len(segments), 1)), np.cumsum(weekly * yearly, axis=1)], axis=1)
    shift_day = np.inf if shift_week is None else 7.0 * shift_week
    return Calendar(first_day=first_day, days=days, shift_day=shift_day, busyness=busyness)


def draw_visits(people: pd.DataFrame, calendar: Calendar, *, rng: np.random.Generator) -> pd.DataFrame:
    """Every visit of everyone while they are customers: person, day (fraction = time of day), channel, buys.

    `channel` indexes `CHANNELS`; days count from the first watched one.
    """
    buying = _draw_purchases(people, calendar, rng=rng)
    looking = _draw_browsing(people, calendar, rng=rng)
    visits = pd.concat([buying.assign(buys=True), looking.assign(buys=False)], ignore_index=True)
    visits["channel"] = draw_channel(people, visits["person"], visits["day"], calendar, rng=rng)
    return visits


def draw_channel(
    people: pd.DataFrame, person: pd.Series, day: pd.Series, calendar: Calendar, *, rng: np.random.Generator
) -> np.ndarray:
    """A channel for each visit, by the person's shares before or after the shift."""
    columns = [*CHANNELS, *(f"{channel}_shifted" for channel in CHANNELS)]
    shares = people[columns].to_numpy().reshape(len(people), 2, len(CHANNELS))
    shifted = (day >= calendar.shift_day).to_numpy(dtype=int)
    reached = shares[person.to_numpy(), shifted].cumsum(axis=1)
    return (rng.random(len(person))[:, None] * reached[:, -1:] >= reached[:, :-1]).sum(axis=1)


def draw_orders(
    people: pd.DataFrame, visits: pd.DataFrame, calendar: Calendar, *, rng: np.random.Generator
) -> pd.DataFrame:
    """What is paid at each buying visit: these rows of `visits` with value, discount, margin, quantity.

    Value is what is paid, discount what is off the list price; margin = value − (1 − rate) × list price.
    """
    orders = visits[visits["buys"]].copy()
    own = people.iloc[orders["person"].to_numpy()]
    shifted = (
        (orders["day"] >= calendar.shift_day) & (own["segment"] == SHIFTING_SEGMENT).to_numpy()
    ).to_numpy()
    chance = np.where(shifted, SHIFTED_DISCOUNT, own["discount"].to_numpy())
    which = rng.integers(0, len(DISCOUNT_DEPTHS), len(orders))
    depth = np.where(shifted, np.array(SHIFTED_DEPTHS)[which], np.array(DISCOUNT_DEPTHS)[which])
    depth = np.where(rng.random(len(orders)) < chance, depth, 0.0)
    value = own["basket"].to_numpy() * rng.lognormal(-(ORDER_SIGMA**2) / 2, ORDER_SIGMA, len(orders))
    list_price = value / (1 - depth)
    orders["value"] = value.round(2)
    orders["discount"] = (list_price - value).round(2)
    orders["margin"] = (value - (1 - own["margin"].to_numpy()) * list_price).round(2)
    orders["quantity"] = 1.0 + rng.poisson(0.8, len(orders))
    return orders


def expect_margin_rate(people: pd.DataFrame, *, shifted: np.ndarray) -> np.ndarray:
    """Expected margin for each unit paid, where the share `shifted` of the orders follows the shift."""
    before, after = (np.mean(1 / (1 - np.array(depths))) for depths in (DISCOUNT_DEPTHS, SHIFTED_DEPTHS))
    shifting = (people["segment"] == SHIFTING_SEGMENT).to_numpy()
    discount = people["discount"].to_numpy()
    usual = 1 + discount * (before - 1)  # list price for each unit paid
    moved = np.where(shifting, 1 + SHIFTED_DISCOUNT * (after - 1), usual)
    return 1 - (1 - people["margin"].to_numpy()) * (usual + shifted * (moved - usual))


def _draw_purchases(people: pd.DataFrame, calendar: Calendar, *, rng: np.random.Generator) -> pd.DataFrame:
    segment, start, end = _bound_stays(people, calendar)
    gap, shape = people["gap_days"].to_numpy(), people["gap_shape"].to_numpy()
    expected = (end - start) / gap
    draws = np.ceil(expected + 6 * np.sqrt(expected) + 6).astype(int)  # enough to pass the end for certain
    person = np.repeat(np.arange(len(people)), draws)
    gaps = rng.gamma(shape[person]) * (gap / shape)[person]
    first = np.concatenate([[0], np.cumsum(draws)[:-1]])
    gaps[first] *= rng.random(len(people))  # watching starts in the middle of a gap
    run = np.cumsum(gaps)
    moment = start[person] + run - np.repeat(run[first] - gaps[first], draws)
    within = moment < end[person]
    person, moment = person[within], moment[within]
    return pd.DataFrame({"person": person, "day": calendar.find_day(segment[person], moment)})


def _draw_browsing(people: pd.DataFrame, calendar: Calendar, *, rng: np.random.Generator) -> pd.DataFrame:
    segment, start, end = _bound_stays(people, calendar)
    visits = rng.poisson(people["browsing"] / people["gap_days"] * (end - start))
    person = np.repeat(np.arange(len(people)), visits)
    moment = start[person] + rng.random(len(person)) * (end - start)[person]
    return pd.DataFrame({"person": person, "day": calendar.find_day(segment[person], moment)})


def _bound_stays(people: pd.DataFrame, calendar: Calendar) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    segment = people["segment"].to_numpy()
    start = calendar.run_through(segment, people["arrived"].clip(0, calendar.days).to_numpy())
    end = calendar.run_through(segment, people["left"].clip(0, calendar.days).to_numpy())
    return segment, start, end
