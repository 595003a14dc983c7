"""The traces people leave in the five sources, as one frame of canonical events."""

import numpy as np
import pandas as pd

from models.simulation.behaviour import Calendar
from models.simulation.campaigns import Response
from models.simulation.people import KEY_KINDS
from models.simulation.segments import CATEGORIES
from models.simulation.sessions import (
    APP,
    DAY_S,
    DEVICES,
    STAGES,
    STORE,
    build_sessions,
    draw_categories,
    find_second,
    index_keys,
)

SOURCES = ("web", "app", "crm", "social", "offline")
CHANNEL_SOURCES = ("web", "app", "offline")  # in the order of the channels
KINDS = (
    *STAGES,
    "refund",
    "email_sent",
    "email_open",
    "email_click",
    "email_unsubscribe",
    "push_open",
    "ad_impression",
    "ad_click",
    "review",
    "like",
    "share",
    "comment",
    "support_ticket",
    "complaint",
    "store_visit",
    "registration",
)
SHIFTED_OPENS = 0.5  # e-mail response after a shift, as a share of the response before

_NEWSLETTER_DAYS = 28
_LIST_CLEANING_DAYS = 90.0  # how long the newsletter goes on after a person has left
_UNSUBSCRIBES = 0.004  # of opened messages
_AD_CLICKS = 0.12
_SOCIAL_KINDS = ("like", "share", "comment", "review")
_ABSENT = {
    "channel": -1,
    "session": -1,
    "device": -1,
    "category": -1,
    "cookie": -1,
    "app_device": -1,
    "campaign": -1,
}


def build_events(
    people: pd.DataFrame,
    keys: pd.DataFrame,
    visits: pd.DataFrame,
    response: Response,
    calendar: Calendar,
    *,
    timezone: str,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """All events of the watched days in order of time, free of any flaw.

    `visits` carries the order of each buying visit. Columns: event_id (a number), source, person,
    occurred_at (UTC, whole seconds), occurred_on (the shop's own day), the canonical columns of `events`,
    and one column for each kind of identity key, null where the source does not know it.
    """
    parts = [
        build_sessions(people, keys, visits, rng=rng),
        _build_store_events(people, visits, rng=rng),
        _build_refunds(people, visits, rng=rng),
        _build_messages(people, response, calendar, rng=rng),
        _build_pushes(people, keys, calendar, rng=rng),
        _build_ads(people, keys, response, calendar, rng=rng),
        _build_social(people, calendar, rng=rng),
        _build_service(people, calendar, rng=rng),
    ]
    events = pd.concat([part.astype({"kind": "str"}) for part in parts], ignore_index=True)
    events = events[(events["second"] >= 0) & (events["second"] < calendar.days * DAY_S)]
    events = events.sort_values("second", kind="stable", ignore_index=True)
    events = events.fillna(_ABSENT).astype(dict.fromkeys(_ABSENT, np.int64))
    return _spell_out(events, keys, calendar, timezone=timezone)


def _build_store_events(
    people: pd.DataFrame, visits: pd.DataFrame, *, rng: np.random.Generator
) -> pd.DataFrame:
    inside = visits[visits["channel"] == STORE]
    came = _record(
        "store_visit", inside["person"], find_second(inside["day"]), source="offline", channel=STORE
    )
    till = inside[inside["buys"]]
    minutes = rng.integers(5, 40, len(till))
    paid = _record(
        "purchase", till["person"], find_second(till["day"]) + 60 * minutes, source="offline", channel=STORE
    )
    paid["category"] = draw_categories(people, till["person"].to_numpy(), rng=rng)
    for column in ("order", "value", "discount", "margin", "quantity", "campaign"):
        paid[column] = till[column].to_numpy()
    return pd.concat([came, paid], ignore_index=True)


def _build_refunds(people: pd.DataFrame, visits: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    """Some orders come back 3 to 14 days later, whole or in part; what a campaign added is kept."""
    orders = visits[visits["buys"] & (visits["campaign"] < 0)]
    returned = orders[rng.random(len(orders)) < people["returns"].to_numpy()[orders["person"]]]
    second = find_second(returned["day"] + rng.uniform(3, 14, len(returned)))
    at_till = (returned["channel"] == STORE).to_numpy()
    refunds = _record("refund", returned["person"], second, source=np.where(at_till, "offline", "crm"))
    refunds["channel"] = np.where(at_till, STORE, -1)
    refunds["order"] = returned["order"].to_numpy()
    part = np.where(rng.random(len(returned)) < 0.7, 1.0, 0.5)
    refunds["value"] = (returned["value"].to_numpy() * part).round(2)
    refunds["mailed"] = (rng.random(len(returned)) < 0.85) & ~at_till
    return refunds


def _build_messages(
    people: pd.DataFrame, response: Response, calendar: Calendar, *, rng: np.random.Generator
) -> pd.DataFrame:
    """Newsletters every fourth Tuesday and campaign e-mails, and what people did with them."""
    tuesday = (1 - calendar.first_day.weekday()) % 7
    issues = np.arange(tuesday, calendar.days, _NEWSLETTER_DAYS)
    reader = np.flatnonzero(people["consent_marketing"] == "yes")
    newsletter = pd.DataFrame(
        {"person": np.repeat(reader, len(issues)), "day": np.tile(issues, len(reader)), "campaign": -1}
    )
    by_mail = [number for number, campaign in enumerate(response.campaigns) if campaign.channel == "email"]
    letters = response.contacts[response.contacts["campaign"].isin(by_mail)]
    sent = pd.concat([newsletter, letters], ignore_index=True).sort_values(["person", "day"], kind="stable")
    own = people.iloc[sent["person"].to_numpy()]
    day = sent["day"].to_numpy(dtype=float)
    listed = (own["arrived"].to_numpy() < day) & (day < own["left"].to_numpy() + _LIST_CLEANING_DAYS)
    chance = own["mail_open"].to_numpy() * np.where(day >= calendar.shift_day, SHIFTED_OPENS, 1.0)
    opened = (rng.random(len(sent)) < chance) & (day < own["left"].to_numpy())
    clicked = opened & (rng.random(len(sent)) < own["mail_click"].to_numpy())
    quit_on = np.full(len(people), np.inf)
    quits = listed & opened & (rng.random(len(sent)) < _UNSUBSCRIBES)
    np.minimum.at(quit_on, sent["person"].to_numpy()[quits], day[quits])
    listed &= day <= quit_on[sent["person"].to_numpy()]
    second = find_second(day) + rng.integers(0, 3600, len(sent))
    open_second = second + np.minimum(60 + rng.exponential(3 * 3600, len(sent)), 12 * 3600).astype(np.int64)
    later = rng.integers(20, 240, len(sent))
    steps = {
        "email_sent": (listed, second),
        "email_open": (listed & opened, open_second),
        "email_click": (listed & clicked, open_second + later),
        "email_unsubscribe": (
            listed & quits & (day == quit_on[sent["person"].to_numpy()]),
            open_second + 2 * later,
        ),
    }
    parts = []
    for kind, (happened, at) in steps.items():
        part = _record(kind, sent["person"][happened], at[happened], source="crm")
        parts.append(part.assign(campaign=sent["campaign"].to_numpy()[happened]))
    messages = pd.concat(parts, ignore_index=True)
    return messages.assign(mailed=rng.random(len(messages)) < 0.85)


def _build_pushes(
    people: pd.DataFrame, keys: pd.DataFrame, calendar: Calendar, *, rng: np.random.Generator
) -> pd.DataFrame:
    person, day = _scatter(people, people["push"].where(people["has_device"], 0.0), calendar, rng=rng)
    pushes = _record("push_open", person, find_second(day), source="app", channel=APP)
    pushes["app_device"] = index_keys(keys, "device", people=len(people)).first[person]
    return pushes.assign(device=DEVICES.index("mobile"), mailed=True)


def _build_ads(
    people: pd.DataFrame,
    keys: pd.DataFrame,
    response: Response,
    calendar: Calendar,
    *,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Advertising everybody may see, and that of campaigns for the treated alone; known only by cookie."""
    person, day = _scatter(people, people["ads"], calendar, rng=rng)
    shown = pd.DataFrame({"person": person, "day": day, "campaign": -1})
    by_ads = [number for number, campaign in enumerate(response.campaigns) if campaign.channel == "ads"]
    planned = response.contacts[response.contacts["campaign"].isin(by_ads)]
    planned = planned[planned["day"] < people["left"].to_numpy()[planned["person"]]]
    planned = planned.assign(day=planned["day"] + rng.random(len(planned)))
    shown = pd.concat([shown, planned], ignore_index=True)
    second = find_second(shown["day"])
    clicks = rng.random(len(shown)) < _AD_CLICKS
    seen = _record("ad_impression", shown["person"], second, source="web")
    clicked = _record("ad_click", shown["person"][clicks], second[clicks] + 5, source="web")
    ads = pd.concat(
        [
            seen.assign(campaign=shown["campaign"]),
            clicked.assign(campaign=shown["campaign"].to_numpy()[clicks]),
        ],
        ignore_index=True,
    )
    return ads.assign(cookie=index_keys(keys, "cookie", people=len(people)).first[ads["person"]])


def _build_social(people: pd.DataFrame, calendar: Calendar, *, rng: np.random.Generator) -> pd.DataFrame:
    person, day = _scatter(people, people["social"].where(people["has_handle"], 0.0), calendar, rng=rng)
    kind = np.array(_SOCIAL_KINDS)[
        rng.choice(len(_SOCIAL_KINDS), size=len(person), p=[0.60, 0.14, 0.16, 0.10])
    ]
    social = _record(kind, person, find_second(day), source="social")
    social = social.sort_values(["person", "second"], kind="stable", ignore_index=True)
    return social.assign(mailed=(rng.random(len(social)) < 0.35) | ~social["person"].duplicated())


def _build_service(people: pd.DataFrame, calendar: Calendar, *, rng: np.random.Generator) -> pd.DataFrame:
    person, day = _scatter(people, people["service"], calendar, rng=rng)
    kind = np.where(rng.random(len(person)) < 0.25, "complaint", "support_ticket")
    service = _record(kind, person, find_second(day), source="crm")
    newcomer = np.flatnonzero((people["arrived"] >= 0) & (people["arrived"] < calendar.days))
    joined = _record("registration", newcomer, find_second(people["arrived"].iloc[newcomer]), source="crm")
    return pd.concat([service, joined], ignore_index=True).assign(mailed=True)


def _scatter(
    people: pd.DataFrame, yearly: pd.Series, calendar: Calendar, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Person and day of events that happen at a constant rate, `yearly` times a customer-year."""
    start = people["arrived"].clip(0, calendar.days).to_numpy()
    end = people["left"].clip(0, calendar.days).to_numpy()
    count = rng.poisson(yearly.to_numpy() * (end - start) / 365)
    person = np.repeat(np.arange(len(people)), count)
    return person, start[person] + rng.random(len(person)) * (end - start)[person]


def _record(
    kind: str | np.ndarray,
    person: pd.Series | np.ndarray,
    second: np.ndarray,
    *,
    source: str | np.ndarray,
    channel: int = -1,
) -> pd.DataFrame:
    return pd.DataFrame(
        {"kind": kind, "person": np.asarray(person), "second": second, "source": source, "channel": channel}
    )


def _spell_out(
    events: pd.DataFrame, keys: pd.DataFrame, calendar: Calendar, *, timezone: str
) -> pd.DataFrame:
    """Codes to names, local seconds to UTC, and the keys each source knows a person by."""
    source = events["source"].where(
        events["source"].notna(), events["channel"].map(dict(enumerate(CHANNEL_SOURCES)))
    )
    day = (events["second"] // DAY_S).to_numpy()
    mornings = pd.date_range(calendar.first_day, periods=calendar.days, tz=timezone) + pd.Timedelta(hours=6)
    offset = mornings.tz_localize(None) - mornings.tz_convert("UTC").tz_localize(None)
    local = np.datetime64(calendar.first_day, "s") + events["second"].to_numpy().astype("timedelta64[s]")
    utc = local - offset.to_numpy().astype("timedelta64[s]")[day]
    frame = pd.DataFrame(
        {
            "event_id": np.arange(len(events)),
            "source": pd.Categorical(source, categories=list(SOURCES)),
            "person": events["person"].astype("int32"),
            "occurred_at": pd.DatetimeIndex(utc).tz_localize("UTC"),
            "occurred_on": (np.datetime64(calendar.first_day) + day).astype("datetime64[s]"),
            "kind": pd.Categorical(events["kind"], categories=list(KINDS)),
            "value": events["value"],
            "margin": events["margin"],
            "order_id": events["order"].astype("Int64"),
            "quantity": events["quantity"],
            "discount": events["discount"],
            "category": _name(events["category"], CATEGORIES),
            "session_id": events["session"].astype("Int64").where(events["session"] >= 0),
            "duration_s": events["duration_s"],
            "device": _name(events["device"], DEVICES),
            "channel": _name(events["channel"], ("web", "app", "store")),
            "campaign": events["campaign"],
        }
    )
    return frame.assign(**_find_keys(events, frame["source"], frame["kind"], keys))


def _find_keys(
    events: pd.DataFrame, source: pd.Series, kind: pd.Series, keys: pd.DataFrame
) -> "dict[str, pd.Categorical[str]]":
    """One column a key kind: the key's value where the source knows it, else null."""
    person = events["person"].to_numpy()
    joined = (kind == "registration").to_numpy()
    from_crm, from_till, from_social = ((source == name).to_numpy() for name in ("crm", "offline", "social"))
    mailed = events["mailed"].eq(True).to_numpy()
    values = {name: keys.loc[keys["key_kind"] == name] for name in KEY_KINDS}
    first = {}
    for name in KEY_KINDS:
        owners = values[name]["person"].to_numpy()
        first[name] = np.where(np.isin(person, owners), np.searchsorted(owners, person), -1)
    codes = {
        "crm": np.where(from_crm, first["crm"], -1),
        "email": np.where(mailed, first["email"], -1),
        "cookie": np.where(joined, first["cookie"], events["cookie"]),
        "device": events["app_device"].to_numpy(),
        "loyalty_card": np.where(from_till | joined, first["loyalty_card"], -1),
        "social": np.where(from_social, first["social"], -1),
    }
    return {
        f"key_{name}": pd.Categorical.from_codes(
            code, categories=pd.Index(values[name]["key_value"].astype("str"))
        )
        for name, code in codes.items()
    }


def _name(codes: pd.Series, names: tuple[str, ...]) -> "pd.Categorical[str]":
    return pd.Categorical.from_codes(codes.to_numpy(dtype=np.int64), categories=pd.Index(names))
