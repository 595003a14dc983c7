"""What an online visit leaves behind: a session and the funnel inside it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.simulation.segments import CATEGORIES, CHANNELS

WEB, APP, STORE = range(len(CHANNELS))
DEVICES = ("desktop", "mobile", "tablet")
STAGES = ("session", "page_view", "search", "product_view", "add_to_cart", "checkout", "purchase")
OPENING_HOUR, OPEN_HOURS = 8.0, 14.5  # visits start from 8:00 to 22:30 local time, and end the same day
DAY_S = 86_400

_LONGEST_S = 4_500
_SECOND_KEY_USE = 0.35  # how often the second cookie or device is the one at hand
_LOGIN = np.array([0.45, 0.80])  # chance that a web or app session is logged in, without a checkout


@dataclass(frozen=True, slots=True)
class KeyIndex:
    """Where the keys of each person start in the list of cookies or devices, and how many there are."""

    first: np.ndarray
    count: np.ndarray

    def pick(self, person: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
        """The key at hand at each visit, as a position in that list."""
        second = (self.count[person] > 1) & (rng.random(len(person)) < _SECOND_KEY_USE)
        return self.first[person] + second


def index_keys(keys: pd.DataFrame, kind: str, *, people: int) -> KeyIndex:
    """The index of one key kind; keys of a person stand next to each other in `keys`."""
    count = np.bincount(keys.loc[keys["key_kind"] == kind, "person"], minlength=people)
    return KeyIndex(first=np.cumsum(count) - count, count=count)


def find_second(day: pd.Series | np.ndarray) -> np.ndarray:
    """Local seconds since the first day's midnight of moments given in days, set within opening hours."""
    moment = np.asarray(day, dtype=float)
    midnight = np.floor(moment)
    within = OPENING_HOUR * 3600 + (moment - midnight) * OPEN_HOURS * 3600
    return (midnight * DAY_S + within).astype(np.int64)


def draw_categories(people: pd.DataFrame, person: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """A category (position in `CATEGORIES`) for each entry of `person`, by taste."""
    reached = people[list(CATEGORIES)].to_numpy().cumsum(axis=1)[:, :-1]
    return (rng.random(len(person))[:, None] >= reached[person]).sum(axis=1)


def build_sessions(
    people: pd.DataFrame,
    keys: pd.DataFrame,
    visits: pd.DataFrame,
    *,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """The events of the online visits among `visits` (person, day, channel, buys, and what was ordered).

    Within a session product views ≥ carts ≥ checkouts ≥ purchases, in this order of time. Columns of the
    result: kind (one of `STAGES`), second, person, channel, session, device, duration_s (on the session
    row), category, cookie or app_device, mailed (the e-mail address is known), and on purchases the order's
    columns.
    """
    online = visits[visits["channel"] != STORE].reset_index(drop=True)
    person = online["person"].to_numpy()
    own = people.iloc[person].reset_index(drop=True)
    counts = _draw_funnel(own, online["buys"].to_numpy(), rng=rng)
    rows = counts.sum(axis=1)
    bounced = rows == 2
    length = own["session_s"].to_numpy() * rng.lognormal(-0.08, 0.4, len(online))
    length = np.clip(np.where(bounced, 8 + 0.05 * length, length), 5, _LONGEST_S).astype(np.int64)
    in_app = (online["channel"] == APP).to_numpy()
    cookie = np.where(in_app, -1, index_keys(keys, "cookie", people=len(people)).pick(person, rng=rng))
    app_device = np.where(in_app, index_keys(keys, "device", people=len(people)).pick(person, rng=rng), -1)
    start = find_second(online["day"])
    mailed = rng.random(len(online)) < _LOGIN[in_app.astype(int)]
    mailed |= (
        (counts[:, STAGES.index("checkout")] > 0) | _is_last(cookie, start) | _is_last(app_device, start)
    )

    stage = np.repeat(np.tile(np.arange(len(STAGES)), len(online)), counts.ravel())
    session = np.repeat(np.arange(len(online)), rows)
    rank = np.arange(len(session)) - np.repeat(np.cumsum(rows) - rows, rows)
    category = draw_categories(people, person, rng=rng)[session]
    looked = rng.random(len(session)) < 0.4  # many looks stray from what the visit was for
    seen = stage == STAGES.index("product_view")
    category[seen & looked] = draw_categories(people, person[session[seen & looked]], rng=rng)
    events = pd.DataFrame(
        {
            "kind": pd.Categorical.from_codes(stage, categories=pd.Index(STAGES)),
            "second": start[session] + length[session] * rank // rows[session],
            "person": person[session],
            "channel": online["channel"].to_numpy()[session],
            "session": session,
            "device": _draw_devices(own, in_app, rng=rng)[session],
            "duration_s": np.where(stage == 0, length[session], np.nan),
            "category": np.where(stage >= STAGES.index("product_view"), category, -1),
            "cookie": cookie[session],
            "app_device": app_device[session],
            "mailed": mailed[session],
        }
    )
    bought = stage == STAGES.index("purchase")
    for column in ("order", "value", "discount", "margin", "quantity"):
        events[column] = np.where(bought, online[column].to_numpy()[session], np.nan)
    events["campaign"] = np.where(bought, online["campaign"].to_numpy()[session], -1)
    return events


def _draw_funnel(own: pd.DataFrame, buys: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """How often each of `STAGES` occurs in each session: an array of sessions × stages."""
    count = len(own)
    bounces = ~buys & (rng.random(count) < own["bounce"].to_numpy())
    cart = buys | (~bounces & (rng.random(count) < own["cart"].to_numpy()))
    carts = np.where(cart, 1 + rng.poisson(0.1, count), 0)
    checkout = buys | (cart & (rng.random(count) < 0.25))
    views = np.where(bounces, 0, carts + rng.poisson(own["views"].to_numpy()))
    searches = np.where(bounces, 0, rng.random(count) < 0.2)
    return np.stack([np.ones(count), np.ones(count), searches, views, carts, checkout, buys], axis=1).astype(
        int
    )


def _draw_devices(own: pd.DataFrame, in_app: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    at_desk = rng.random(len(own)) < own["desktop"].to_numpy()
    away = np.where(rng.random(len(own)) < 0.12, DEVICES.index("tablet"), DEVICES.index("mobile"))
    return np.where(in_app, DEVICES.index("mobile"), np.where(at_desk, DEVICES.index("desktop"), away))


def _is_last(key: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Whether each visit is its key's last: by then everyone has logged in, no key stays a stranger."""
    order = np.lexsort((second, key))
    ends = np.append(key[order][1:] != key[order][:-1], True)[: len(key)]
    last = np.zeros(len(key), dtype=bool)
    last[order] = ends & (key[order] >= 0)
    return last
