"""Sources into the lake: read, map, check, join to customers, and add what is new.

Everything is staged and judged before anything is written; then events are streamed into the lake. Every row read is
accounted for: read = accepted + duplicates + quarantined + filtered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

import duckdb
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.mapping import Source, names_currency, quote_name
from tasks.deliveries import Ledger, list_waiting, name_batch, open_delivery, read_ledger, remember
from tasks.events import add_events
from tasks.identities import resolve_customers
from tasks.intake import Intake, SourceCount, read_last_intake
from tasks.lake import Lake
from tasks.logs import get_logger
from tasks.progress import report
from tasks.quarantine import release_retried, scan_quarantined, store_bad_rows
from tasks.references import check_references, remember_forgotten, set_aside_forgotten
from tasks.retention import set_aside_outdated
from tasks.sources import SchemaBreakError, SourceError
from tasks.staging import (
    ShopRules,
    StagedDelivery,
    Staging,
    describe_columns,
    mask_names,
    prepare_rates,
    sort_sources,
)
from tasks.upserts import UPSERTED, stage_consents_of_customers, update_customers, upsert


@task(name="ingest", cache_policy=NO_CACHE, persist_result=False)
def ingest_sources(lake: Lake, sources: Sequence[Source], *, base: str, rules: ShopRules) -> Intake:
    """Take in every delivery that has not been taken in before, and say what became of its rows.

    A source that has been taken in before and has lost a column since is left aside, and said to be.

    Raises:
        SourceError: a source cannot be read, more of its rows are bad than its `max_bad_share` allows, or the lake's
            money is in another currency; nothing has been written then.
    """
    intake = _start_intake(lake, sources, rules)
    ledger = read_ledger(lake)
    staging = _open_staging(lake, rules)
    batches: list[str] = []
    for source in sort_sources(sources):
        batches += _stage_new(lake, staging, source, ledger, intake, base=base)
    if not ledger.new:
        return intake
    _take_in(lake, staging, intake, batches=batches, refuse=sources)
    store_bad_rows(lake)
    remember(lake, ledger)
    return _finish(staging, intake)


@task(name="retry quarantine", cache_policy=NO_CACHE, persist_result=False)
def retry_quarantined(lake: Lake, sources: Sequence[Source], *, rules: ShopRules) -> Intake:
    """Map the rows in quarantine again, as the configuration stands now, and take in those that are good."""
    intake = _start_intake(lake, sources, rules)
    if not lake.has("quarantine"):
        return intake
    staging = _open_staging(lake, rules)
    now = datetime.now(UTC).replace(microsecond=0)
    retried = []
    for source in sort_sources(sources):
        _prepare_money(lake, staging, source)
        read = 0
        for retry in scan_quarantined(lake, source):
            if retry.unreadable:
                intake.warnings.append(_explain_unreadable(source, retry.unreadable))
                continue
            staged = staging.add(retry.source, [retry.scan], file="quarantine", told_at=now)
            _count_staged(intake.by_source[source.name], staged)
            read += staged.read
        lake.engine.con.execute(
            f"CREATE OR REPLACE TEMP TABLE {_name_retried(source)} AS SELECT * FROM retried_rows"
        )
        if read:
            retried.append(source)
    _take_in(lake, staging, intake)
    for source in retried:
        lake.engine.con.execute(
            f"CREATE OR REPLACE TEMP TABLE retried_rows AS SELECT * FROM {_name_retried(source)}"
        )
        release_retried(lake, source, table=source.table)
    return _finish(staging, intake)


def _name_retried(source: Source) -> str:
    return quote_name(f"retried {source.name}")


def _start_intake(lake: Lake, sources: Sequence[Source], rules: ShopRules) -> Intake:
    before = read_last_intake(lake)
    if (currency := before.get("currency", rules.currency)) != rules.currency:
        raise SourceError(
            f'currency = "{rules.currency}", but the lake holds money in {currency}; give the shop another home, or '
            f'leave the currency and map a column "currency" with a source of rates'
        )
    by_source = {source.name: SourceCount() for source in sources}
    return Intake(
        timezone=rules.timezone,
        former_timezone=before.get("timezone"),
        currency=rules.currency,
        by_source=by_source,
    )


def _explain_unreadable(source: Source, columns: tuple[str, ...]) -> str:
    return (
        f"sources.{source.name}: refused rows stay in quarantine, because {', '.join(columns)} reads what was not kept "
        "of them (identity keys never are); let the source deliver them again under another file name"
    )


def _open_staging(lake: Lake, rules: ShopRules) -> Staging:
    return Staging(lake.engine.con, lake.scratch, rules)


def _stage_new(
    lake: Lake, staging: Staging, source: Source, ledger: Ledger, intake: Intake, *, base: str
) -> list[str]:
    """Stage what a source has that is new, and name the batches of events among it."""
    waiting, found = list_waiting(source, ledger, base=base)
    if not waiting:
        intake.warnings.append(f"sources.{source.name}: nothing new in {found} file(s)")
        return []
    _prepare_money(lake, staging, source)
    count, total = intake.by_source[source.name], 0
    had_fitted = source.name in ledger.columns
    taken = []
    for place, delivery in enumerate(waiting, 1):
        report(f"reading {source.name}" + (f", {place} of {len(waiting)} files" if len(waiting) > 1 else ""))
        known = ledger.columns.get(source.name, {})
        reading = open_delivery(staging.con, source, delivery)
        try:
            staged = staging.add(
                source, reading.scans, file=delivery.name, told_at=delivery.made_at,
                known_columns=known if reading.sparse else {},
            )  # fmt: skip
        except SchemaBreakError as broken:
            # A mapping that has never fitted is a mistake in the configuration; one that did is news of the source.
            if not had_fitted:
                raise
            intake.schema_breaks[source.name] = str(broken)
            break
        taken.append(delivery)
        if known and staged.columns:
            intake.schema_changes += describe_columns(
                source, staged.columns, known=known, sparse=reading.sparse
            )
        columns = mask_names((known | staged.columns) if reading.sparse else staged.columns)
        ledger.record(delivery, fingerprint=reading.fingerprint, columns=columns, rows=staged.read)
        _count_staged(count, staged)
        total += staged.read
        if staged.swallowed:
            intake.warnings.append(
                f"sources.{source.name}: {staged.swallowed:,} line(s) of {delivery.name} lie within a quoted value; "
                "if rows are missing, look for a stray quote"
            )
    if total == 0 and source.query is None and source.name not in intake.schema_breaks:
        intake.warnings.append(f"sources.{source.name}: {len(waiting)} new file(s) hold no rows")
    if source.table != "events":
        return []
    return [name_batch(d, attempt=lake.attempt, is_file=source.query is None) for d in taken]


def _prepare_money(lake: Lake, staging: Staging, source: Source) -> None:
    """What a source in several currencies is converted with: the rates there are, and those staged by now."""
    if names_currency(source):
        staging.finish()
        known = lake.relation("rates") if lake.has("rates") else None
        prepare_rates(staging.con, known=known, latest=staging.latest)


def _count_staged(count: SourceCount, staged: StagedDelivery) -> None:
    count.read += staged.read
    count.filtered += staged.filtered
    count.quarantined += staged.bad


def _take_in(
    lake: Lake,
    staging: Staging,
    intake: Intake,
    *,
    batches: Collection[str] = (),
    refuse: Iterable[Source] = (),
) -> None:
    """Judge what is staged, then write it. Sources to `refuse` must keep to their share of bad rows."""
    set_aside_forgotten(lake, staging, intake)
    set_aside_outdated(lake, staging, intake)
    check_references(lake, intake)
    for source in refuse:
        _refuse_bad_source(staging.con, source, intake.by_source[source.name])
    remember_forgotten(lake)
    limit = staging.rules.identity.max_people_per_key
    intake.identity = resolve_customers(lake, max_people=limit)
    if shared := intake.identity.shared:
        kinds = ", ".join(f"{shared.count(kind)} × {kind}" for kind in sorted(set(shared)))
        intake.warnings.append(
            f"keys that join more than {limit} people are set aside, not followed: {kinds}"
        )
    add_events(lake, intake, timezone=staging.rules.timezone, batches=batches)
    stage_consents_of_customers(lake)
    for table in UPSERTED:
        upsert(lake, table, intake)
    update_customers(lake, intake)


def _refuse_bad_source(con: duckdb.DuckDBPyConnection, source: Source, count: SourceCount) -> None:
    considered = count.read - count.filtered
    if not considered or count.quarantined / considered <= source.max_bad_share:
        return
    reasons = con.execute(
        f"SELECT reason, count(*) AS rows, min(_raw) AS example FROM (SELECT unnest(_reasons) AS reason, _raw "
        f"FROM staged_{source.table} WHERE _source = $name) GROUP BY reason ORDER BY rows DESC, reason LIMIT 5",
        {"name": source.name},
    ).fetchall()
    commonest = "; ".join(
        f"{rows:,} × {reason}, such as {_shorten(str(example))}" for reason, rows, example in reasons
    )
    raise SourceError(
        f"sources.{source.name}: {count.quarantined:,} of {considered:,} rows are bad "
        f"({count.quarantined / considered:.1%}, allowed max_bad_share = {source.max_bad_share:g}): {commonest}"
    )


def _shorten(row: str, *, longest: int = 200) -> str:
    return row if len(row) <= longest else f"{row[:longest]}…"


def _finish(staging: Staging, intake: Intake) -> Intake:
    intake.check_balance()
    staging.remove()
    get_logger().info(
        "ingested: %(read)d read, %(accepted)d accepted, %(duplicates)d duplicates, %(quarantined)d quarantined",
        intake.to_dict(),
    )
    return intake
