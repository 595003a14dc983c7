"""The data audit on everything the sources hold, in a passing lake: nothing of the shop's own is touched."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.operations as ops
import pandas as pd
from ibis import _

from models.factors import AnyFamily, load_families
from models.mapping import NO_KEY, Source
from models.own_factors import OwnFactor, build_families, describe_own
from models.rollups import COUNTED_KINDS, Rollups, list_offsets, local_day
from monitoring.data_audit import (
    DataAudit,
    KeyAudit,
    Reason,
    SourceAudit,
    Support,
    compare_keys,
    count_customers_by_sources,
    describe_history,
    measure_coverage,
)
from monitoring.data_support import CAMPAIGN_DAYS, Facts, Needs, judge_support
from monitoring.experiments import CONTROL
from tasks.deliveries import read_ledger
from tasks.engines import EngineSettings
from tasks.features import compute_features
from tasks.ingestion import ingest_sources
from tasks.intake import Intake
from tasks.lake import Lake, write_lake
from tasks.progress import plan, stage
from tasks.rollups import NoEventsError, read_rollups, update_rollups
from tasks.staging import ShopRules

REASONS = 5
# What has to be delivered for a column of a rollup to hold anything, beside events of the kinds it counts.
_MASTER_DATA = "a source of table customers with country or acquisition_channel"
_FILLED_BY = {
    "events": "events",
    "revenue": "purchases with a `value`",
    "margin": "purchases with a `margin`",
    "discount": "purchases with a `discount`",
    "quantity": "purchases with a `quantity`",
    "refund_value": "refunds with a `value`",
    "other": "events of your own kinds",
    "device_events": "events with a `device`",
    "mobile_events": "events on a mobile `device`",
    "channel_events": "events with a `channel`",
    "app_events": "events with `channel` app",
    "store_events": "events with `channel` store",
    "duration_s": "sessions with a `duration_s`",
    "interactions": "events with a `category`",
}
_ROWS_OF = {
    "activity": "events",
    "orders": "events of kind purchase",
    "sessions": "events with a `session_id`",
    "categories": "events with a `category`",
}
_KEYS = ("customer_id", "day", "order_id", "session_id", "category")
_PART_OF = {
    "mobile_events": "device_events",
    "app_events": "channel_events",
    "store_events": "channel_events",
}
_STAGES = (
    "reading all sources", "adding up what customers did", "computing factors", "judging what the data supports",
)  # fmt: skip
SELDOM = "what it looks at more often or more recently"


def audit_data(
    sources: Sequence[Source],
    *,
    base: str,
    rules: ShopRules,
    engine: EngineSettings,
    until: date,
    needs: Needs,
    own: Sequence[OwnFactor] = (),
) -> DataAudit:
    """Take everything in as a run would, in a folder that is deleted afterwards, and say what it supports.

    Args:
        sources: a source with more bad rows than it may have is taken in all the same, and named.
        base: what relative paths are relative to.
        rules: with a passing secret, since nothing is to be kept.
        engine: the one that rollups and factors run on.
        until: the last whole day; what happened later does not count.
        needs: what is asked of the data.
        own: the shop's own factors, beside those of `models/factors`.

    Raises:
        SourceError: a source cannot be read.
    """
    tolerant = [source.model_copy(update={"max_bad_share": 1.0}) for source in sources]
    with (
        tempfile.TemporaryDirectory(prefix="segmentwerk-audit-") as home,
        write_lake(home, engine=engine) as lake,
    ):
        plan(_STAGES)
        with stage("reading all sources"):
            intake = ingest_sources.fn(lake, tolerant, base=base, rules=rules)
        with stage("adding up what customers did"):
            update_rollups.fn(lake, intake.changes, timezone=rules.timezone)
            audited = _audit_sources(lake, sources, intake)
        return _audit(lake, audited, timezone=rules.timezone, until=until, needs=needs, own=own)


def _audit(
    lake: Lake,
    sources: tuple[SourceAudit, ...],
    *,
    timezone: str,
    until: date,
    needs: Needs,
    own: Sequence[OwnFactor],
) -> DataAudit:
    daily = _count_daily(lake, timezone=timezone, until=until)
    as_of = daily["day"].max().date() if len(daily) else until
    history = describe_history(daily, as_of=as_of)
    if history is None:
        sentence = "no event was accepted: look at the reasons above, and at `segmentwerk check --preview 5`"
        nothing = KeyAudit((), {}, {})
        return DataAudit(as_of, 0, None, sources, nothing, (), (Support("events", False, sentence),))
    families = load_families() | {_name_own(family.name): family for family in build_families(own)}
    with stage("computing factors"):
        factors = _compute_factors(
            lake, as_of=as_of, consent_default=needs.consent_default, own=own, families=families
        )
    with stage("judging what the data supports"):
        missing = {name: {f.name: f.missing for f in family.factors} for name, family in families.items()}
        meanings = {_name_own(name): meaning for name, meaning in describe_own(own).items()}
        coverage = measure_coverage(
            factors, missing, needs=_list_needs(lake, families, as_of=as_of), meanings=meanings
        )
        keys = _audit_keys(lake)
        facts = _gather_facts(lake, factors, as_of=as_of)
        support = judge_support(history, sources, keys, coverage, facts, needs=needs, until=until)
    return DataAudit(as_of, len(factors), history, sources, keys, coverage, support)


def _name_own(factor: str) -> str:
    # A factor may be called what a family is called.
    return f"own factor {factor}"


def _count_daily(lake: Lake, *, timezone: str, until: date) -> pd.DataFrame:
    """Events by source and the shop's own day: source, day, events."""
    if not lake.has("events"):
        return pd.DataFrame({"source": [], "day": pd.to_datetime([]), "events": []})
    events = lake.table("events")
    first = events.occurred_at.min().to_pyarrow().as_py().date()
    offsets = list_offsets(timezone, since=first - timedelta(days=1), until=until)
    daily = events.group_by("source", day=local_day(events.occurred_at, offsets)).aggregate(events=_.count())
    frame = daily.filter(_.day <= ibis.literal(until)).to_pandas()
    return frame.assign(day=pd.to_datetime(frame["day"]))


def _compute_factors(
    lake: Lake,
    *,
    as_of: date,
    consent_default: bool,
    own: Sequence[OwnFactor],
    families: Mapping[str, AnyFamily],
) -> pd.DataFrame:
    try:
        return compute_features.fn(lake, as_of=as_of, consent_default=consent_default, own=own)
    except NoEventsError:  # nobody who did anything may be profiled
        return pd.DataFrame(columns=[f.name for family in families.values() for f in family.factors])


def _audit_sources(lake: Lake, sources: Sequence[Source], intake: Intake) -> tuple[SourceAudit, ...]:
    columns = read_ledger(lake).columns
    reasons = _find_reasons(lake)
    keys = _count_keys(lake)
    audited = []
    for source in sources:
        count, own = intake.by_source[source.name], reasons.get(source.name, ())
        nameless = sum(reason.rows for reason in own if reason.reason == NO_KEY)
        events = count.accepted + nameless if source.table == "events" else 0
        audited.append(
            SourceAudit(
                name=source.name, table=source.table, read=count.read, accepted=count.accepted,
                duplicates=count.duplicates, quarantined=count.quarantined, filtered=count.filtered,
                max_bad_share=source.max_bad_share, identified=count.accepted / events if events else None,
                keys={kind: rows / count.accepted for kind, rows in keys.get(source.name, {}).items()},
                reasons=own[:REASONS], columns=columns.get(source.name, {}),
            )
        )  # fmt: skip
    return tuple(audited)


def _find_reasons(lake: Lake) -> dict[str, tuple[Reason, ...]]:
    """Why rows of each source were refused, the commonest first."""
    if not lake.has("quarantine"):
        return {}
    rows = lake.engine.con.execute(
        'SELECT source, reason, count(*) AS rows, min("row") FROM (SELECT source, "row", '
        f"unnest(from_json(reasons, '[\"VARCHAR\"]')) AS reason FROM {lake.relation('quarantine')}) "
        "GROUP BY source, reason ORDER BY rows DESC, reason"
    ).fetchall()
    found: dict[str, tuple[Reason, ...]] = {}
    for source, reason, count, example in rows:
        found[source] = (*found.get(source, ()), Reason(reason, count, str(example)[:300]))
    return found


def _count_keys(lake: Lake) -> dict[str, dict[str, int]]:
    """Accepted events of each source that carry a key of each kind."""
    if not lake.has("events"):
        return {}
    rows = lake.engine.con.execute(
        f"SELECT source, key_kind, count(*) FROM {lake.relation('events')} JOIN (SELECT DISTINCT source, link_id, "
        f"key_kind FROM {lake.relation('links')}) USING (source, link_id) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    found: dict[str, dict[str, int]] = {}
    for source, kind, count in rows:
        found.setdefault(source, {})[kind] = count
    return found


def _audit_keys(lake: Lake) -> KeyAudit:
    shared = lake.table("identities").filter(_.shared).group_by("key_kind").aggregate(keys=_.count())
    return KeyAudit(
        overlaps=compare_keys(lake.table("links")),
        customers_by_sources=count_customers_by_sources(lake.table("events")),
        shared={row["key_kind"]: row["keys"] for row in shared.order_by("key_kind").to_pyarrow().to_pylist()},
    )


def _list_needs(lake: Lake, families: dict[str, AnyFamily], *, as_of: date) -> dict[str, tuple[str, ...]]:
    """What each family reads that was never delivered; where all of it was, that it was too long ago."""
    rollups = read_rollups(lake)
    empty = _find_empty_columns(rollups)
    return {name: _explain_silence(family, rollups, empty, as_of=as_of) for name, family in families.items()}


def _explain_silence(
    family: AnyFamily, rollups: Rollups, empty: set[tuple[str, str]], *, as_of: date
) -> tuple[str, ...]:
    if family.reads == "customers":
        return (_MASTER_DATA,)
    lacking = [column for column in list_columns_read(family, rollups, as_of=as_of) if column in empty]
    # Of a rollup without rows it is the rows that are lacking, of events without a channel the channel.
    without_rows = {rollup for rollup, column in lacking if column in _KEYS}
    columns = [
        column for rollup, column in lacking
        if rollup not in without_rows and (rollup, _PART_OF.get(column)) not in lacking
    ]  # fmt: skip
    kinds = [kind for column in columns for kind in COUNTED_KINDS.get(column, ())]
    found = [_ROWS_OF[rollup] for rollup in sorted(without_rows)]
    found += [f"events of kind {' or '.join(kinds)}"] if kinds else []
    found += [_FILLED_BY[column] for column in columns if column not in COUNTED_KINDS]
    return tuple(found) or (SELDOM,)


def _find_empty_columns(rollups: Rollups) -> set[tuple[str, str]]:
    """Columns of the rollups, as (rollup, column), in which nothing but 0 and null stands."""
    empty: set[tuple[str, str]] = set()
    for name in _ROWS_OF:
        table = getattr(rollups, name)
        numbers = [column for column, kind in table.schema().items() if kind.is_floating()]
        most = table.aggregate(rows=_.count(), **{column: _[column].abs().max() for column in numbers})
        found = most.to_pandas().iloc[0].fillna(0.0)
        empty |= {(name, column) for column in numbers if found[column] == 0}
        empty |= {(name, column) for column in _KEYS if found["rows"] == 0}
    return empty


def list_columns_read(family: AnyFamily, rollups: Rollups, *, as_of: date) -> tuple[tuple[str, str], ...]:
    """The columns of the rollups that a family is computed from, as (rollup, column), read off its expression."""
    if family.reads != "rollups":
        return ()
    stand_ins = Rollups(**{name: ibis.table(getattr(rollups, name).schema(), name=name) for name in _ROWS_OF})
    fields = family.compute(stand_ins, as_of).op().find(ops.Field)
    return tuple(sorted({found for field in fields if (found := _trace(field))}))


def _trace(field: ops.Field) -> tuple[str, str] | None:
    """The stored column that a field passes on unchanged; None where it is computed on the way."""
    relation, name = field.rel, field.name
    while not isinstance(relation, ops.PhysicalTable):
        value = relation.values.get(name)
        if not isinstance(value, ops.Field):
            return None
        relation, name = value.rel, value.name
    return relation.name, name


def _gather_facts(lake: Lake, factors: pd.DataFrame, *, as_of: date) -> Facts:
    people = ibis.memtable(pd.DataFrame({"customer_id": factors.index.astype(str)}))
    customers = lake.table("customers")
    contactable = people.anti_join(customers.filter(~_.consent_marketing), "customer_id")
    since = as_of - timedelta(days=CAMPAIGN_DAYS)
    bought = lake.table("orders").filter(
        _.lines > 0, _.day > ibis.literal(since), _.day <= ibis.literal(as_of)
    )
    told = (
        customers.aggregate(
            all=_.count(), profiling=_.consent_profiling.count(), marketing=_.consent_marketing.count()
        )
        .to_pandas()
        .iloc[0]
    )
    campaigns, randomised, costed = _count_campaigns(lake)
    return Facts(
        customers=len(factors),
        contactable=int(contactable.count().execute()),
        converted=int(contactable.semi_join(bought, "customer_id").count().execute()),
        margin_share=_share_with_margin(lake),
        campaigns=campaigns, randomised=randomised, costed=costed,
        consent_profiling=float(told["profiling"] / told["all"]),
        consent_marketing=float(told["marketing"] / told["all"]),
    )  # fmt: skip


def _share_with_margin(lake: Lake) -> float | None:
    """Share of revenue whose purchase carries a margin."""
    purchases = lake.table("events").filter(_.kind == "purchase")
    known = purchases.margin.notnull()  # noqa: PD004 - Ibis, not pandas
    sums = purchases.aggregate(all=_.value.sum(), known=_.value.sum(where=known))
    found = sums.to_pandas().fillna(0.0).iloc[0]
    return float(found["known"] / found["all"]) if found["all"] > 0 else None


def _count_campaigns(lake: Lake) -> tuple[int, int, int]:
    """Campaigns that are declared, that have a control arm and another, and that have costs."""
    declared = lake.table("campaigns").campaign_id.nunique().execute() if lake.has("campaigns") else 0
    costed = lake.table("costs").campaign_id.nunique().execute() if lake.has("costs") else 0
    if not lake.has("assignments"):
        return int(declared), 0, int(costed)
    arms = lake.table("assignments").group_by("campaign_id").aggregate(
        control=(_.arm == CONTROL).any(), other=(_.arm != CONTROL).any()
    )  # fmt: skip
    return int(declared), int(arms.filter(_.control & _.other).count().execute()), int(costed)
