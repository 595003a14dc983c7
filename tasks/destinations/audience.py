"""The customers a tool may address, with their segment: one CSV.

`path` is the file, or a folder in which `<name>_<as_of>.csv` is written. Left out are customers who have withdrawn
their consent to marketing or have turned out to be another one since they were scored, and the control groups of
campaigns that have not ended and the hold-out (a table `held_out`, if there is one): addressing those would end the
comparison they are there for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.destinations import Destination, Export, replace_file, require_table

if TYPE_CHECKING:
    import ibis

CONTROL = "control"
COLUMNS = ("customer_id", "segment_id", "segment_name", "strength")


def write_audience(tables: Mapping[str, ibis.Table], export: Export, as_of: date) -> tuple[Path, ...]:
    """Write the audience as of a day; the file written.

    Raises:
        LookupError: a table is missing, there are no segments as of that day, or none of a name asked for.
    """
    from tasks.spreadsheets import guard_text

    audience = select_audience(tables, export, as_of)
    named = export.path.suffix.lower() == ".csv"
    target = export.path if named else export.path / f"{export.name}_{as_of}.csv"
    with replace_file(target) as fresh:
        audience.mutate(segment_name=guard_text(audience.segment_name)).to_csv(fresh)
    return (target,)


def select_audience(tables: Mapping[str, ibis.Table], export: Export, as_of: date) -> ibis.Table:
    """One row a customer who may be addressed: customer_id, segment_id, segment_name, strength."""
    segments = require_table(tables, "segments", export=export)
    segments = segments.filter(segments.as_of == as_of)
    customers = require_table(tables, "customers", export=export)
    audience = _keep_segments(segments, export, as_of)
    withdrawn = customers.filter(~customers.consent_marketing.fill_null(True))
    audience = audience.anti_join(withdrawn, "customer_id")
    if "renames" in tables:
        # Consent, arms and hold-out know them by the name they have now.
        audience = audience.anti_join(tables["renames"].select(customer_id="old_customer_id"), "customer_id")
    if "assignments" in tables:
        held_back = find_control_customers(tables["assignments"], tables.get("campaigns"), as_of=as_of)
        audience = audience.anti_join(held_back, "customer_id")
    if "held_out" in tables:
        audience = audience.anti_join(tables["held_out"], "customer_id")
    return audience.select(*COLUMNS).order_by("customer_id")


def find_control_customers(
    assignments: ibis.Table, campaigns: ibis.Table | None, *, as_of: date
) -> ibis.Table:
    """Customers in the control group of a campaign that had not ended before `as_of`, begun or not.

    A campaign nothing is known of counts as running.
    """
    control = assignments.filter(assignments.arm == CONTROL)
    if campaigns is not None:
        ended = campaigns.filter(campaigns.ends_at.date() < as_of)
        control = control.anti_join(ended, "campaign_id")
    return control.select("customer_id").distinct()


def _keep_segments(segments: ibis.Table, export: Export, as_of: date) -> ibis.Table:
    known = segments.select("segment_id", "segment_name").distinct().to_pandas()
    if known.empty:
        raise LookupError(f"exports.{export.name}: no segments as of {as_of}; run `segmentwerk weekly` first")
    if not export.segments:
        return segments
    names = set(known["segment_name"]) | set(known["segment_id"].astype(str))
    unknown = [name for name in export.segments if name not in names]
    if unknown:
        there = ", ".join(sorted(known["segment_name"]))
        raise LookupError(f"exports.{export.name}: there is no segment '{unknown[0]}'; there are: {there}")
    wanted = list(export.segments)
    is_wanted = segments.segment_name.isin(wanted) | segments.segment_id.cast("string").isin(wanted)
    return segments.filter(is_wanted)


DESTINATION = Destination(
    "audience", "customers who may be addressed, with their segment, as one CSV", write_audience
)
