"""How the simulated shop's sources hand over what they know: each with its own format, names and keys.

A feed is declared once and used twice: `select` writes its files from the simulator's frames, `keys` and
`columns` are the mapping a config needs to read them back. All of it is SQL in DuckDB's dialect.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_WEB_KINDS = {
    "session": "visit",
    "page_view": "page",
    "search": "site_search",
    "product_view": "product",
    "add_to_cart": "basket_add",
    "checkout": "checkout_start",
    "purchase": "order",
    "ad_impression": "ad_shown",
    "ad_click": "ad_clicked",
}
_APP_KINDS = {
    "session": "AppOpened",
    "page_view": "ScreenViewed",
    "search": "Searched",
    "product_view": "ProductViewed",
    "add_to_cart": "CartAdded",
    "checkout": "CheckoutStarted",
    "purchase": "OrderPlaced",
    "push_open": "PushOpened",
}
_CRM_KINDS = {
    "email_sent": "mail.sent",
    "email_open": "mail.opened",
    "email_click": "mail.clicked",
    "email_unsubscribe": "mail.unsubscribed",
    "registration": "contact.registered",
    "support_ticket": "ticket.opened",
    "complaint": "ticket.complaint",
    "refund": "order.refunded",
}
_SOCIAL_KINDS = {"like": "liked", "share": "shared", "comment": "commented", "review": "reviewed"}
_OFFLINE_KINDS = {"store_visit": "visit", "purchase": "sale", "refund": "return"}

# Some CRM rows spell an address their own way, so that normalising it matters.
_CRM_EMAIL = "case when event_id % 30 = 0 then upper(key_email) || ' ' else key_email end"
_ISO = "strftime(occurred_at, '%Y-%m-%dT%H:%M:%SZ')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One source of the shop.

    `select` maps the file's columns to SQL over the simulator's frame, in which `$timezone` is the shop's;
    `keys` and `columns` map the file's columns to identity keys and to the canonical columns of `table`;
    `copy_options` are those of DuckDB's COPY.
    """

    name: str
    comment: str
    suffix: str
    copy_options: str
    select: Mapping[str, str]
    keys: Mapping[str, str]
    columns: Mapping[str, str]
    table: str = "events"
    local_time: bool = False


def _name_kind(kinds: Mapping[str, str]) -> str:
    cases = " ".join(f"when '{canonical}' then '{own}'" for canonical, own in kinds.items())
    return f"case when flaw = 'unknown_kind' then 'teleported' else case kind::varchar {cases} end end"


def _read_kind(column: str, kinds: Mapping[str, str]) -> str:
    cases = "".join(f"  when '{own}' then '{canonical}'\n" for canonical, own in kinds.items())
    return f"case {column}\n{cases}  else {column}\nend"


def _spoil_time(clean: str, *, unreadable: str) -> str:
    return f"case when flaw = 'bad_timestamp' then {unreadable} else {clean} end"


def _unless(flaw: str, value: str) -> str:
    return f"case when flaw <> '{flaw}' then {value} end"


def _spoil_money(amount: str, *, text: str | None) -> str:
    """`amount` is SQL with `$` where the money goes; `text` stands in for it where a number is text."""
    clean, negative = amount.replace("$", "value"), amount.replace("$", "-value")
    wrong = "" if text is None else f"when flaw = 'text_value' then {text}"
    return f"case when flaw = 'negative_value' then {negative} {wrong} else {clean} end"


_WEB = Feed(
    name="web",
    comment="Web analytics: one JSON object a line, known by cookie, and by e-mail address once logged in.",
    suffix="jsonl.gz",
    copy_options="format json, compression gzip",
    select={
        "id": _unless("missing_id", "'w' || event_id"),
        "ts": _spoil_time(_ISO, unreadable="'yesterday'"),
        "action": _name_kind(_WEB_KINDS),
        "visitor": _unless("missing_keys", "key_cookie"),
        "email": _unless("missing_keys", "key_email"),
        "visit": "'v' || session_id",
        "seconds": "duration_s::bigint",
        "device": "device",
        "amount": _spoil_money("to_json($)", text="to_json('n/a')"),
        "margin": "margin",
        "order_no": "'o' || order_id",
        "quantity": "quantity::bigint",
        "saved": "discount",
        "category": "category",
        "campaign": "campaign_id",
    },
    keys={"cookie": "visitor", "email": "lower(trim(email))"},
    columns={
        "event_id": "id",
        "occurred_at": "ts",
        "kind": _read_kind("action", _WEB_KINDS),
        "value": "amount",
        "margin": "margin",
        "order_id": "order_no",
        "quantity": "quantity",
        "discount": "saved",
        "category": "category",
        "session_id": "visit",
        "duration_s": "seconds",
        "device": "device",
        "channel": "case when action not in ('ad_shown', 'ad_clicked') then 'web' end",
        "campaign_id": "campaign",
    },
)
_APP = Feed(
    name="app",
    comment="The app: Parquet, known by device, usually logged in; money in cents.",
    suffix="parquet",
    copy_options="format parquet",
    select={
        "event_uuid": _unless("missing_id", "'a' || event_id"),
        "happened_at": _spoil_time("occurred_at", unreadable="null"),
        "name": _name_kind(_APP_KINDS),
        "device_id": _unless("missing_keys", "key_device"),
        "user_email": _unless("missing_keys", "key_email"),
        "session_ref": "'s' || session_id",
        "session_ms": "(duration_s * 1000)::bigint",
        "price_cents": _spoil_money("round($ * 100)::bigint", text=None),
        "margin_cents": "round(margin * 100)::bigint",
        "discount_cents": "round(discount * 100)::bigint",
        "units": "quantity::integer",
        "order_ref": "'o' || order_id",
        "product_group": "category::varchar",
        "campaign": "campaign_id::varchar",
    },
    keys={"device": "device_id", "email": "lower(trim(user_email))"},
    columns={
        "event_id": "event_uuid",
        "occurred_at": "happened_at",
        "kind": _read_kind("name", _APP_KINDS),
        "value": "price_cents / 100.0",
        "margin": "margin_cents / 100.0",
        "order_id": "order_ref",
        "quantity": "units",
        "discount": "discount_cents / 100.0",
        "category": "product_group",
        "session_id": "session_ref",
        "duration_s": "session_ms / 1000.0",
        "device": "'mobile'",
        "channel": "'app'",
        "campaign_id": "campaign",
    },
)
_CRM = Feed(
    name="crm",
    comment="The CRM: e-mails, service, refunds; registrations join CRM number, e-mail, cookie and card.",
    suffix="csv.gz",
    copy_options="format csv, header, compression gzip",
    select={
        "message_id": _unless("missing_id", "'m' || event_id"),
        "logged_at": _spoil_time(
            "strftime(occurred_at, '%Y-%m-%d %H:%M:%S+00:00')", unreadable="'00.00.0000'"
        ),
        "type": _name_kind(_CRM_KINDS),
        "contact": _unless("missing_keys", "key_crm"),
        "email": _unless("missing_keys", _CRM_EMAIL),
        "cookie": _unless("missing_keys", "key_cookie"),
        "loyalty_card": _unless("missing_keys", "key_loyalty_card"),
        "order_no": "'o' || order_id",
        "amount": _spoil_money("printf('%.2f', $)", text="'n/a'"),
        "campaign": "campaign_id",
    },
    keys={
        "crm": "contact",
        "email": "lower(trim(email))",
        "cookie": "cookie",
        "loyalty_card": "loyalty_card",
    },
    columns={
        "event_id": "message_id",
        "occurred_at": "logged_at",
        "kind": _read_kind("type", _CRM_KINDS),
        "value": "amount",
        "order_id": "order_no",
        "campaign_id": "campaign",
    },
)
_SOCIAL = Feed(
    name="social",
    comment="Social networks: one JSON object a line, known by handle, sometimes by e-mail address.",
    suffix="jsonl",
    copy_options="format json",
    select={
        "post_id": _unless("missing_id", "'p' || event_id"),
        "posted_at": _spoil_time(_ISO, unreadable="'a while ago'"),
        "reaction": _name_kind(_SOCIAL_KINDS),
        "handle": _unless("missing_keys", "key_social"),
        "email": _unless("missing_keys", "key_email"),
    },
    keys={"social": "handle", "email": "lower(trim(email))"},
    columns={
        "event_id": "post_id",
        "occurred_at": "posted_at",
        "kind": _read_kind("reaction", _SOCIAL_KINDS),
    },
)
_OFFLINE = Feed(
    name="offline",
    comment="Till receipts: known by loyalty card; local time without a zone, decimal commas.",
    suffix="csv",
    copy_options="format csv, header",
    select={
        "receipt": _unless("missing_id", "'r' || event_id"),
        "local_time": _spoil_time(
            "strftime(timezone($timezone, occurred_at), '%d.%m.%Y %H:%M:%S')", unreadable="'--.--.----'"
        ),
        "entry": _name_kind(_OFFLINE_KINDS),
        "card": _unless("missing_keys", "key_loyalty_card"),
        "order_no": "'o' || order_id",
        "amount": _spoil_money("replace(printf('%.2f', $), '.', ',')", text="'siehe Beleg'"),
        "margin": "replace(printf('%.2f', margin), '.', ',')",
        "discount": "replace(printf('%.2f', discount), '.', ',')",
        "pieces": "quantity::bigint",
        "department": "category",
        "campaign": "campaign_id",
    },
    keys={"loyalty_card": "card"},
    columns={
        "event_id": "receipt",
        "occurred_at": "try_strptime(local_time, '%d.%m.%Y %H:%M:%S')",
        "kind": _read_kind("entry", _OFFLINE_KINDS),
        "value": "replace(amount, ',', '.')",
        "margin": "replace(margin, ',', '.')",
        "order_id": "order_no",
        "quantity": "pieces",
        "discount": "replace(discount, ',', '.')",
        "category": "department",
        "channel": "'store'",
        "campaign_id": "campaign",
    },
    local_time=True,
)
EVENT_FEEDS = (_WEB, _APP, _CRM, _SOCIAL, _OFFLINE)

CUSTOMERS = Feed(
    name="customers",
    table="customers",
    comment="The CRM's master data, new customers only; consent is empty where nobody asked.",
    suffix="csv",
    copy_options="format csv, header",
    select={
        "contact": "key_crm",
        "email": "key_email",
        "cookie": "key_cookie",
        "loyalty_card": "key_loyalty_card",
        "registered_at": "strftime(first_seen, '%Y-%m-%d %H:%M:%S+00:00')",
        "came_by": "acquisition_channel",
        "acquisition_cost": "printf('%.2f', acquisition_cost)",
        "country": "country",
        "age_band": "age_band",
        "consent_profiling": "nullif(consent_profiling, '')",
        "consent_marketing": "nullif(consent_marketing, '')",
    },
    keys={
        "crm": "contact",
        "email": "lower(trim(email))",
        "cookie": "cookie",
        "loyalty_card": "loyalty_card",
    },
    columns={
        "first_seen": "registered_at",
        "acquisition_channel": "came_by",
        "acquisition_cost": "acquisition_cost",
        "country": "country",
        "consent_profiling": "case consent_profiling when 'yes' then true when 'no' then false end",
        "consent_marketing": "case consent_marketing when 'yes' then true when 'no' then false end",
        "attributes": "json_object('age_band', age_band)",
    },
)
CAMPAIGNS = Feed(
    name="campaigns",
    table="campaigns",
    comment="Campaigns as planned; the end is exclusive, times are local.",
    suffix="csv",
    copy_options="format csv, header",
    select={
        "campaign": "campaign_id",
        "name": "name",
        "medium": "channel",
        "starts": "strftime(timezone($timezone, starts_at), '%Y-%m-%d %H:%M:%S')",
        "ends": "strftime(timezone($timezone, ends_at), '%Y-%m-%d %H:%M:%S')",
        "goal": "primary_metric",
        "control_share": "control_share",
    },
    keys={},
    columns={
        "campaign_id": "campaign",
        "name": "name",
        "channel": "medium",
        "starts_at": "starts",
        "ends_at": "ends",
        "primary_metric": "goal",
        "control_share": "control_share",
    },
    local_time=True,
)
ASSIGNMENTS = Feed(
    name="assignments",
    table="assignments",
    comment="Who was drawn into which arm, by CRM number.",
    suffix="csv",
    copy_options="format csv, header",
    select={
        "campaign": "campaign_id",
        "contact": "key_crm",
        "arm": "arm",
        "drawn_at": "strftime(assigned_at, '%Y-%m-%d %H:%M:%S+00:00')",
    },
    keys={"crm": "contact"},
    columns={"campaign_id": "campaign", "arm": "arm", "assigned_at": "drawn_at"},
)
COSTS = Feed(
    name="costs",
    table="costs",
    comment="What each arm cost, by day: contacts, and vouchers, which are not taken off order values.",
    suffix="csv",
    copy_options="format csv, header",
    select={
        "campaign": "campaign_id",
        "arm": "arm",
        "day": "strftime(day::date, '%Y-%m-%d')",
        "amount": "printf('%.2f', amount)",
    },
    keys={},
    columns={"campaign_id": "campaign", "arm": "arm", "day": "day", "amount": "amount"},
)
FEEDS = (*EVENT_FEEDS, CUSTOMERS, CAMPAIGNS, ASSIGNMENTS, COSTS)
