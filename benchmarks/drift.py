"""How often drift cries wolf in shops where nothing changes, and how soon it sees what does change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.shop_weeks import CUSTOMERS, ShopWeek, watch_shop

if TYPE_CHECKING:
    from models.segmenter import Segmenter
    from monitoring.drift import DriftDecision
    from monitoring.week_profiles import WeekProfile

SHOPS, LEARNT, STARTS = 20, 52, 10
ALARMS_MAX, RETRAINS_MAX, WATCHED_MAX, DETECTED_MIN = 0.05, 0.02, 0.20, 0.95
SHIFTED = ("visits_7d", "visits_30d", "orders_30d", "revenue_30d")
LOST_AFTER = 60
Change = Callable[[ShopWeek, "Segmenter", np.random.Generator], tuple[ShopWeek, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class WatchedShop:
    """One shop: the decisions on its quiet weeks, and of each change how often it was seen within two weeks.

    Attributes:
        quiet: decisions by name, of the second year in which nothing changed.
        seen: by change, times it was seen and named.
        tried: by change, times it was made.
    """

    seed: int
    quiet: dict[str, int]
    seen: dict[str, int]
    tried: dict[str, int]


def watch_shops(*, shops: int = SHOPS, customers: int = CUSTOMERS) -> Iterator[WatchedShop]:
    """Shops by seed, each learnt from its first year and watched in its second."""
    for seed in range(shops):
        yield watch_weeks(list(watch_shop(seed=seed, customers=customers)), seed=seed)


def watch_weeks(weeks: Sequence[ShopWeek], *, seed: int, starts: int = STARTS) -> WatchedShop:
    """A champion trained at the end of the first year, its quiet second year, and changes that begin in it."""
    from models.preparation_options import PreparationOptions
    from models.recipes import Recipe
    from models.segmenter import fit_segmenter

    recipe = Recipe("kmeans", {"segments": 8}, PreparationOptions())
    model = fit_segmenter(weeks[LEARNT - 1].factors, recipe=recipe, seed=seed)
    profiles = [profile(week, model) for week in weeks]
    quiet = Counter(
        decide(profiles[:n], profiles[n], weeks[: n + 1]).decision for n in range(LEARNT, len(weeks))
    )
    seen: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    rng = np.random.default_rng(seed)
    for name, change in CHANGES.items():
        for first in rng.choice(_list_starts(weeks, name), starts, replace=False):
            tried[name] += 1
            seen[name] += _see_change(weeks, profiles, model, change, first=int(first), seed=seed)
    return WatchedShop(seed, dict(quiet), dict(seen), dict(tried))


def profile(week: ShopWeek, model: Segmenter) -> WeekProfile:
    """A week as the daily run records it."""
    from monitoring.week_profiles import profile_week, rate_activity

    silent = float((week.factors["days_since_last_activity"] > LOST_AFTER).mean())
    levels = rate_activity(week.sums, customers=len(week.factors), silent=silent)
    rows = week.feeds.set_index("source")["rows"]
    found = profile_week(week.factors, as_of=week.as_of, levels=levels, rows=rows)
    return found.place(model.assign(week.factors), model_version="1")


def decide(
    past: Sequence[WeekProfile], now: WeekProfile, weeks: Sequence[ShopWeek], *, broken: Sequence[date] = ()
) -> DriftDecision:
    """The decision on a week by those before it; `weeks` hold what the sources delivered in these."""
    from monitoring.calibration import measure_surprise
    from monitoring.comparison import DriftMeasurement
    from monitoring.data_health import check_feeds
    from monitoring.drift import decide_drift
    from monitoring.drift_settings import DriftSettings

    settings = DriftSettings()
    surprise = measure_surprise(
        now, past, reference=past[LEARNT - 1], broken=broken, watch_at=settings.watch_at,
        retrain_at=settings.retrain_at, weeks_min=settings.weeks_min, ignored=settings.ignored,
    )  # fmt: skip
    delivered = pd.concat([week.feeds.assign(week=week.as_of) for week in weeks])
    faults = [finding.sentence for finding in check_feeds(delivered, as_of=now.as_of)]
    compared = DriftMeasurement(pd.DataFrame(), None)
    return decide_drift(compared, data_faults=faults, settings=settings, surprise=surprise)


def _see_change(
    weeks: Sequence[ShopWeek],
    profiles: Sequence[WeekProfile],
    model: Segmenter,
    change: Change,
    *,
    first: int,
    seed: int,
) -> bool:
    """Whether a change that begins in a week is named in it or in the next."""
    past, broken = list(profiles[:first]), []
    for number in (first, first + 1):
        changed, names = change(weeks[number], model, np.random.default_rng([seed, first]))
        now = profile(changed, model)
        decision = decide(past, now, weeks[: number + 1], broken=broken)
        if decision.decision in ("watch", "retrain") and set(names) & set(decision.drifted):
            return True
        past.append(now)
    return False


def _list_starts(weeks: Sequence[ShopWeek], change: str) -> list[int]:
    """Weeks of the second year; what e-mails bring can change only when some are sent."""
    return [
        number
        for number in range(LEARNT + 1, len(weeks) - 1)
        if change != "e-mail response halved" or weeks[number].has_newsletter
    ]


def shift_factor(
    week: ShopWeek, _model: Segmenter, rng: np.random.Generator
) -> tuple[ShopWeek, tuple[str, ...]]:
    """0.3 standard deviations more of a factor of 7 or 30 days, for everybody."""
    name = str(rng.choice(SHIFTED))
    values = week.factors[name]
    return replace(week, factors=week.factors.assign(**{name: values + 0.3 * values.std()})), (name,)


def shift_channels(
    week: ShopWeek, _model: Segmenter, rng: np.random.Generator
) -> tuple[ShopWeek, tuple[str, ...]]:
    """15 points more of the app, by customers who now use nothing else."""
    app = week.factors["app_share"]
    move = rng.random(len(app)) < 0.15 / (1 - app.mean())
    moved = week.factors.assign(
        app_share=app.mask(move, 1.0), store_share=week.factors["store_share"].mask(move, 0.0)
    )
    return replace(week, factors=moved), ("app_share", "store_share")


def grow_segment(
    week: ShopWeek, model: Segmenter, rng: np.random.Generator
) -> tuple[ShopWeek, tuple[str, ...]]:
    """The segment nearest to 10 % of the customers made a quarter of them."""
    placed = model.assign(week.factors)["segment_id"]
    shares = placed[placed > 0].value_counts(normalize=True)
    grown = (placed == (shares - 0.1).abs().idxmin()).to_numpy()
    count = round(0.25 * len(placed))
    rows = np.concatenate(
        [
            rng.choice(np.flatnonzero(grown), count),
            rng.choice(np.flatnonzero(~grown), len(placed) - count, replace=False),
        ]
    )
    return replace(week, factors=week.factors.iloc[np.sort(rows)]), ("segment_mix",)


def break_correlation(
    week: ShopWeek, _model: Segmenter, rng: np.random.Generator
) -> tuple[ShopWeek, tuple[str, ...]]:
    """The values of one of the two factors whose correlation is nearest to .6, dealt out anew."""
    known = week.factors.dropna(axis=1)
    square = np.triu(known.corr(method="spearman").to_numpy(), 1)
    second = known.columns[np.unravel_index(np.nanargmin(np.abs(np.abs(square) - 0.6)), square.shape)[1]]
    dealt = rng.permutation(week.factors[second].to_numpy())
    return replace(week, factors=week.factors.assign(**{second: dealt})), ("correlation", "joint_structure")


def halve_response(
    week: ShopWeek, _model: Segmenter, rng: np.random.Generator
) -> tuple[ShopWeek, tuple[str, ...]]:
    """Every opened e-mail left unopened with even odds; factors of half a year are left as they are."""
    sums = dict(week.sums)
    for name in ("emails_opened", "emails_clicked"):
        sums[name] = float(rng.binomial(int(sums[name]), 0.5))
    return replace(week, sums=sums), ("kpi:email_open_rate", "kpi:email_click_rate")


CHANGES: dict[str, Change] = {
    "0.3 SD in one factor": shift_factor,
    "15 points of channel": shift_channels,
    "segment from 10 to 25 %": grow_segment,
    "correlation from .6 to 0": break_correlation,
    "e-mail response halved": halve_response,
}
