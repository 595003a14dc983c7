"""Lifetime values in the lake: foretold where the forecast of half a year ago came true, else a reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow
import pytest
from small_lake import build_rows, change, make_campaign, name_customer, write_shop

from tasks.lake import begin_run, open_lake, write_lake
from tasks.lifetime_values import AHEAD_WEEKS, HOLDOUT_WEEKS, foretell_values
from tasks.projections import choose_cohort
from tasks.rollups import EventChanges, update_rollups

AS_OF = date(2026, 11, 15)
WEEKS, CUSTOMERS, MOST = 104, 3000, 120


def draw_purchases(rng: np.random.Generator, *, dearer: float = 0.0) -> pd.DataFrame:
    """Customers who buy and leave as BG/NBD says and spend as Gamma-Gamma says, unless often means dear."""
    rate = rng.gamma(1.2, 1 / 6.0, CUSTOMERS)[:, None]
    leaves = rng.beta(0.8, 4.0, CUSTOMERS)[:, None]
    first = rng.uniform(0, 40, CUSTOMERS)[:, None]
    moments = np.hstack([first, first + rng.exponential(1 / rate, (CUSTOMERS, MOST)).cumsum(axis=1)])
    stays = np.hstack([np.ones((CUSTOMERS, 1)), rng.random((CUSTOMERS, MOST)) > leaves]).cumprod(axis=1)
    # Whoever leaves does so after a purchase, which itself still happens.
    happens = (np.hstack([np.ones((CUSTOMERS, 1)), stays[:, :-1]]) > 0) & (moments < WEEKS)
    mean = 6.0 / rng.gamma(3.7, 1 / 15.0, CUSTOMERS)[:, None] * (rate / rate.mean()) ** dearer
    spend = rng.gamma(6.0, 1 / 6.0, moments.shape) * mean
    who, which = np.nonzero(happens)
    start = datetime(2026, 11, 16, tzinfo=UTC) - timedelta(weeks=WEEKS)
    at = [start + timedelta(weeks=float(week)) for week in moments[who, which]]
    ids = [f"o{n}" for n in range(len(who))]
    rows = build_rows([name_customer(n) for n in who], "purchase", [one.replace(microsecond=0) for one in at])
    return rows.assign(event_id=ids, order_id=ids, value=spend[who, which].round(2))


def write_lake_of(home: Path, *, dearer: float) -> None:
    write_shop(home, customers=CUSTOMERS)
    change(home, events=draw_purchases(np.random.default_rng(3), dearer=dearer))
    with write_lake(str(home)) as lake:
        update_rollups.fn(lake, EventChanges(), timezone="UTC")
        lake.commit(begin_run("test", AS_OF), {})


def test_values_are_written_where_the_forecast_came_true(tmp_path: Path) -> None:
    home = tmp_path / "var"
    write_lake_of(home, dearer=0.0)
    with write_lake(str(home)) as lake:
        found = foretell_values.fn(lake, as_of=AS_OF, consent_default=True)
        lake.commit(begin_run("test", AS_OF), {})
    assert found.reasons == ()
    assert found.overall["verdict"] == "holds"
    assert len(found.overall["value"]["deciles"]) == 10
    table = open_lake(str(home)).table("lifetime_values").to_pandas()
    assert len(table) == found.customers == table["customer_id"].nunique()
    assert table["value"].sum() == pytest.approx(found.value)
    assert table["alive"].between(0, 1).all()
    told = found.to_dict()
    assert (told["holds"], told["weeks_ahead"]) == (True, AHEAD_WEEKS)
    # A run of the same day whose forecast fails leaves nothing of it; one that dies leaves it as it was.
    dearer = draw_purchases(np.random.default_rng(3), dearer=1.0)
    change(home, events=dearer)
    with write_lake(str(home)) as lake:
        for name in ("activity_daily", "orders", "sessions", "categories_daily"):
            lake.overwrite(name, lake.table(name).limit(0).to_pyarrow())
        update_rollups.fn(lake, EventChanges(timezone="Europe/Berlin"), timezone="UTC")
        assert foretell_values.fn(lake, as_of=AS_OF, consent_default=True).reasons
        assert lake.table("lifetime_values").count().execute() == 0
    assert len(open_lake(str(home)).table("lifetime_values").to_pandas()) == len(table)
    with write_lake(str(home)) as lake:
        later = (
            lake.table("lifetime_values").mutate(as_of=ibis.literal(AS_OF + timedelta(weeks=1))).to_pyarrow()
        )
        lake.append("lifetime_values", later)
        lake.commit(begin_run("test", AS_OF), {})
    assert len(open_lake(str(home)).table("lifetime_values").to_pandas()) == 2 * len(table)


def test_nothing_is_written_where_often_means_dear(tmp_path: Path) -> None:
    home = tmp_path / "var"
    write_lake_of(home, dearer=1.0)
    with write_lake(str(home)) as lake:
        found = foretell_values.fn(lake, as_of=AS_OF, consent_default=True)
        assert not lake.has("lifetime_values")
    assert "spend more a purchase" in found.reasons[0]
    assert (found.value, found.to_dict()["holds"]) == (None, False)


def test_a_young_shop_has_a_reason(tmp_path: Path) -> None:
    home = tmp_path / "var"
    write_lake_of(home, dearer=0.0)
    early = AS_OF - timedelta(weeks=WEEKS - HOLDOUT_WEEKS)
    with write_lake(str(home)) as lake:
        found = foretell_values.fn(lake, as_of=early, consent_default=True)
    assert found.reasons
    assert found.customers == 0


def test_nobody_is_foretold_who_may_not_be_profiled(tmp_path: Path) -> None:
    home = tmp_path / "var"
    write_lake_of(home, dearer=0.0)
    customers = open_lake(str(home)).table("customers").to_pandas()
    refused = customers["customer_id"].isin([name_customer(n) for n in range(0, CUSTOMERS, 10)])
    told = pd.array(np.where(refused, False, None), dtype="boolean")  # type: ignore[call-overload]
    with write_lake(str(home)) as lake:
        before = lake.table("customers").to_pyarrow()
        place = before.schema.get_field_index("consent_profiling")
        lake.overwrite("customers", before.set_column(place, "consent_profiling", pyarrow.array(told)))
        lake.commit(begin_run("test", AS_OF), {})
    with write_lake(str(home)) as lake:
        found = foretell_values.fn(lake, as_of=AS_OF, consent_default=True)
        foretold = set(lake.table("lifetime_values").customer_id.to_pandas())
        assert found.customers == CUSTOMERS - refused.sum()
        assert not foretold & set(customers.loc[refused, "customer_id"])
        campaign = make_campaign()
        learnt_from = choose_cohort(lake, campaign, consent_default=True).customer_id.to_pandas()
        assert len(learnt_from) == CUSTOMERS - refused.sum()
        assert not set(learnt_from) & set(customers.loc[refused, "customer_id"])
        assert choose_cohort(lake, campaign, consent_default=False).count().execute() == 0
