"""The contract of every table that is computed: rollups, factors, segments, decisions and the book of runs."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa

from models.schemas import EARLIEST, Table, Timestamp


class ActivityDaily(Table):
    """What a customer did on one of the shop's days; counts are 0 where nothing happened."""

    customer_id: str
    day: pa.Date
    margin: float = pa.Field(nullable=True)
    counts: float = pa.Field(alias=r"^(?!customer_id$|day$|margin$).+", regex=True, ge=0)

    class Config:
        strict = "filter"
        ordered = False


class Orders(Table):
    """One order with its lines; none yet where a refund came before its order."""

    customer_id: str
    order_id: str
    day: pa.Date
    revenue: float = pa.Field(ge=0)
    margin: float = pa.Field(nullable=True)
    discount: float = pa.Field(ge=0)
    quantity: float = pa.Field(ge=0)
    lines: float = pa.Field(ge=0)
    refund_value: float = pa.Field(ge=0)


class Sessions(Table):
    """One visit."""

    customer_id: str
    session_id: str
    day: pa.Date
    duration_s: float = pa.Field(ge=0, nullable=True)
    events: float = pa.Field(ge=0)
    page_views: float = pa.Field(ge=0)
    product_views: float = pa.Field(ge=0)
    carts: float = pa.Field(ge=0)
    checkouts: float = pa.Field(ge=0)
    purchases: float = pa.Field(ge=0)
    bounced: pd.BooleanDtype


class CategoriesDaily(Table):
    """What a customer looked at or bought of a category on a day."""

    customer_id: str
    category: str
    day: pa.Date
    interactions: float = pa.Field(ge=0)
    revenue: float = pa.Field(ge=0)


class Features(Table):
    """Reaction factors: one column each, null where unknown, never infinite."""

    as_of: pa.Date
    customer_id: str
    factors: float = pa.Field(
        alias=r"^(?!as_of$|customer_id$).+", regex=True, nullable=True, gt=float("-inf"), lt=float("inf")
    )

    class Config:
        strict = "filter"
        ordered = False


class Segments(Table):
    """Which segment a customer is in, how clearly, and the factors that placed them there, the strongest first."""

    as_of: pa.Date
    customer_id: str
    segment_id: pd.Int64Dtype = pa.Field(ge=-1)
    segment_name: str
    strength: float = pa.Field(ge=0, le=1)
    is_outlier: pd.BooleanDtype
    reason_1: str = pa.Field(nullable=True)
    reason_2: str = pa.Field(nullable=True)
    reason_3: str = pa.Field(nullable=True)
    model_version: str


class SegmentProfiles(Table):
    """What a segment is like."""

    as_of: pa.Date
    segment_id: pd.Int64Dtype = pa.Field(ge=-1)
    segment_name: str
    size: pd.Int64Dtype = pa.Field(ge=1)
    share: float = pa.Field(gt=0, le=1)
    value: float = pa.Field(nullable=True)
    profile: str
    rule: str
    lineage: str
    model_version: str


class Migrations(Table):
    """How many customers went which way since the week before.

    `before_id` is where last week's model put them last week, `between_id` where it puts them this week, `after_id`
    where this week's model does. The first is null for those who joined, the others for those who left.
    """

    as_of: pa.Date
    previous_as_of: pa.Date
    before_id: pd.Int64Dtype = pa.Field(ge=-1, nullable=True)
    between_id: pd.Int64Dtype = pa.Field(ge=-1, nullable=True)
    after_id: pd.Int64Dtype = pa.Field(ge=-1, nullable=True)
    customers: pd.Int64Dtype = pa.Field(ge=1)
    before_name: str = pa.Field(nullable=True)
    between_name: str = pa.Field(nullable=True)
    after_name: str = pa.Field(nullable=True)
    before_version: str
    after_version: str


class WeekProfiles(Table):
    """A week in a few numbers, for later weeks to be compared with; `profile` is JSON and holds no customer."""

    as_of: pa.Date
    decision: str = pa.Field(isin=["none", "watch", "retrain", "data_fault"])
    model_version: str = pa.Field(nullable=True)
    profile: str


class DriftScores(Table):
    """How far a reaction factor, or another figure that is watched, has moved, and from which score on it counts."""

    as_of: pa.Date
    factor: str
    method: str
    score: float = pa.Field(nullable=True)
    threshold: float = pa.Field(nullable=True)
    drifted: pd.BooleanDtype


class Promotions(Table):
    """A decision about who is champion."""

    decided_at: Timestamp = pa.Field(ge=EARLIEST)
    as_of: pa.Date
    decision: str = pa.Field(isin=["first", "promote", "keep", "blocked", "rollback"])
    reasons: str
    challenger_version: str = pa.Field(nullable=True)
    champion_version: str = pa.Field(nullable=True)
    previous_version: str = pa.Field(nullable=True)
    snapshot_id: str = pa.Field(nullable=True)
    gates: str


class Identities(Table):
    """Which hashed key belongs to which customer, and in which run it was first seen.

    A key that is `shared` joins too many people to be followed: it is a customer of its own.
    """

    key_kind: str
    key_hash: str
    customer_id: str
    since: pd.Int64Dtype = pa.Field(ge=0)
    shared: pd.BooleanDtype


class Links(Table):
    """Which keys stood together in a row of a source, and whose rows those are.

    `component` numbers the links that hang together by any key: they are looked at together when a new one comes.
    """

    source: str
    link_id: pd.Int64Dtype
    key_kind: str
    key_hash: str
    component: pd.Int64Dtype
    customer_id: str


class Merges(Table):
    """A customer's history that went to another: two turned out to be one (`merge`), or one to be several (`split`)."""

    merged_at: Timestamp = pa.Field(ge=EARLIEST)
    old_customer_id: str
    customer_id: str
    change: str = pa.Field(isin=["merge", "split"])


class Renames(Table):
    """Customers who turned out to be another, and who that is now.

    Events and rollups keep the name they were written under; whoever reads them looks here.
    """

    old_customer_id: str
    customer_id: str


class Deliveries(Table):
    """A file, or a stretch of a database's rows, that was taken in."""

    source: str
    path: str
    fingerprint: str
    columns: str = pa.Field(nullable=True)
    rows: pd.Int64Dtype = pa.Field(ge=0)
    taken_in_at: Timestamp = pa.Field(ge=EARLIEST)


class Holdout(Table):
    """Who no campaign may touch in a calendar quarter such as 2026-Q4, and the share it was drawn with."""

    quarter: str
    customer_id: str
    drawn_at: Timestamp = pa.Field(ge=EARLIEST)
    share: float = pa.Field(gt=0, lt=0.5)


class Quarantine(Table):
    """A row that was refused, with every reason.

    `row` holds its columns as JSON without what names a person, `columns` their types and `keys` its hashed
    identity keys: enough to map it again. Both are null for a line that could not be read as a row.
    """

    source: str
    row_hash: str
    reasons: str
    row: str
    columns: str = pa.Field(nullable=True)
    keys: str = pa.Field(nullable=True)
    first_seen_at: Timestamp = pa.Field(ge=EARLIEST)


class LifetimeValues(Table):
    """What a customer is expected to do in the year ahead; null where their spend is not known to be positive."""

    as_of: pa.Date
    customer_id: str
    alive: float = pa.Field(ge=0, le=1)
    purchases: float = pa.Field(ge=0)
    spend: float = pa.Field(nullable=True, ge=0)
    value: float = pa.Field(nullable=True, ge=0)


class KeptSince(Table):
    """The first day that a table still has rows of: what lies before it was deleted, and does not come back."""

    table: str
    since: pa.Date


class OwedErasures(Table):
    """A place that people must still be taken out of: it could not be reached when they were forgotten."""

    name: str
    kind: str
    place: str


class Runs(Table):
    """A finished run, the version of every table it left, and what it took. Runs from before schema 2 may not say what
    they took, nor by which program they were."""

    run_id: str
    sequence: pd.Int64Dtype = pa.Field(ge=1)
    flow: str
    as_of: pa.Date
    started_at: Timestamp = pa.Field(ge=EARLIEST)
    finished_at: Timestamp = pa.Field(ge=EARLIEST)
    summary: str
    versions: str
    schema_version: pd.Int64Dtype = pa.Field(ge=1)
    program: str = pa.Field(nullable=True)
    metrics: str = pa.Field(nullable=True)


DERIVED_SCHEMAS: dict[str, type[Table]] = {
    "identities": Identities,
    "links": Links,
    "merges": Merges,
    "renames": Renames,
    "deliveries": Deliveries,
    "activity_daily": ActivityDaily,
    "orders": Orders,
    "sessions": Sessions,
    "categories_daily": CategoriesDaily,
    "features": Features,
    "segments": Segments,
    "shadow_segments": Segments,
    "segment_profiles": SegmentProfiles,
    "migrations": Migrations,
    "week_profiles": WeekProfiles,
    "drift_scores": DriftScores,
    "promotions": Promotions,
    "holdout": Holdout,
    "lifetime_values": LifetimeValues,
    "quarantine": Quarantine,
    "kept_since": KeptSince,
    "owed_erasures": OwedErasures,
    "runs": Runs,
}
