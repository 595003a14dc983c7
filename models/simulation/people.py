"""Who shops: one person a row, with a temperament of their own, and the keys they are known by."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from models.simulation.segments import CATEGORIES, CHANNELS, SHIFTING_SEGMENT, Segment, build_traits

KEY_KINDS = ("crm", "email", "cookie", "device", "loyalty_card", "social")
ACQUISITION = ("organic", "search", "social", "referral", "store")
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
SHIFTED_CHANNELS = (0.10, 0.88, 0.02)  # where the shifting segment ends up: web, app, store
SHIFTED_DISCOUNT = 0.75

_ACQUISITION_COST = np.array([2.0, 14.0, 9.0, 6.0, 3.0])
_ARRIVING = 0.07  # share of people who come while the shop is watched
_SECOND_KEY = 0.15  # share of people with a second cookie, or a second device
_TENURE_DAYS = 400.0  # mean age of a customer on the first day
_FIRST_NAMES = np.array(
    ["mia", "ben", "emma", "paul", "lina", "jonas", "sofia", "leon", "anna", "elif", "noah", "ida"]
)
_LAST_NAMES = np.array(
    ["weber", "wagner", "becker", "koch", "klein", "wolf", "braun", "hahn", "lang", "voigt", "roth"]
)


def draw_people(
    segments: Sequence[Segment], *, count: int, days: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw `count` people for a shop watched for `days` days; the index is the person, 0 to count − 1.

    Beside each person's own temperament (named as in `Segment`), the columns are: segment; arrived and
    left, in days since the first watched day (before it: negative; never left: infinite); web, app and
    store, the channel shares, and the same with `_shifted` for the time after a shift; the share of each
    category; has_device, has_card, has_handle; country, acquisition_channel, acquisition_cost, age_band,
    consent_profiling, consent_marketing ("yes", "no" or "" for never asked).
    """
    traits = build_traits(tuple(segments))
    segment = rng.choice(len(segments), size=count, p=traits["share"] / traits["share"].sum())
    own = traits.iloc[segment].reset_index(drop=True)
    people = pd.DataFrame({"segment": segment})
    for name, sigma in {
        "gap_days": 0.20,
        "basket": 0.20,
        "session_s": 0.20,
        "browsing": 0.25,
        "views": 0.20,
    }.items():
        people[name] = own[name] * rng.lognormal(-(sigma**2) / 2, sigma, count)
    for name, strength in {
        "discount": 24,
        "returns": 24,
        "mail_open": 24,
        "mail_click": 24,
        "desktop": 12,
    }.items():
        people[name] = rng.beta(own[name] * strength, (1 - own[name]) * strength)
    for name in ("push", "ads", "social", "service"):
        people[name] = own[name] * rng.gamma(4, 1 / 4, count)
    for name in ("gap_shape", "margin", "bounce", "cart"):
        people[name] = own[name]
    people = people.join(_draw_stay(own["leaving"], days=days, rng=rng))
    people = people.join(_draw_channels(people["segment"], own, rng=rng))
    people = people.join(_draw_tastes(segments, segment, rng=rng))
    return people.join(_draw_records(count, rng=rng))


def draw_keys(people: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    """Every identity key of every person: columns key_kind, key_value (already normalised), person.

    Values are unique within a kind. A person has one CRM number and one e-mail address, one or two cookies,
    up to two devices, and a loyalty card and a social handle where they use one.
    """
    count = len(people)
    number = rng.permutation(count)
    name = pd.Series(_FIRST_NAMES[rng.integers(0, len(_FIRST_NAMES), count)])
    name = (
        name + "." + _LAST_NAMES[rng.integers(0, len(_LAST_NAMES), count)] + pd.Series(number).astype("str")
    )
    second_cookie, second_device = (rng.random((2, count)) < _SECOND_KEY).astype(int)
    cookies = np.repeat(np.arange(count), 1 + second_cookie)
    devices = np.repeat(np.arange(count), people["has_device"] * (1 + second_device))
    carded, handled = (np.flatnonzero(people[column]) for column in ("has_card", "has_handle"))
    return pd.concat(
        [
            _list_keys("crm", "C" + pd.Series(100_000 + number).astype("str"), np.arange(count)),
            _list_keys("email", name + "@example.com", np.arange(count)),
            _list_keys("cookie", _draw_tokens("ck-", len(cookies), rng=rng), cookies),
            _list_keys("device", _draw_tokens("dev-", len(devices), rng=rng), devices),
            _list_keys("loyalty_card", pd.Series(9_910_000_000 + number[carded]).astype("str"), carded),
            _list_keys("social", "@" + name.iloc[handled].str.replace(".", "_"), handled),
        ],
        ignore_index=True,
    )


def _draw_stay(leaving: pd.Series, *, days: int, rng: np.random.Generator) -> pd.DataFrame:
    count = len(leaving)
    before = -rng.exponential(_TENURE_DAYS, count)
    during = rng.uniform(0, days, count)
    arrived = np.where(rng.random(count) < _ARRIVING, during, before)
    left = np.maximum(arrived, 0) + rng.exponential(1, count) * 365 / -np.log1p(-leaving.to_numpy())
    return pd.DataFrame({"arrived": arrived, "left": np.where(left < days, left, np.inf)})


def _draw_channels(segment: pd.Series, own: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    mean = own[list(CHANNELS)].to_numpy()
    shifted_mean = np.where((segment == SHIFTING_SEGMENT).to_numpy()[:, None], SHIFTED_CHANNELS, mean)
    mix, shifted = _draw_shares(mean * 24, rng=rng), _draw_shares(shifted_mean * 24, rng=rng)
    moves = (segment == SHIFTING_SEGMENT).to_numpy()
    shifted = np.where(moves[:, None], shifted, mix)
    frame = pd.DataFrame(mix, columns=list(CHANNELS))
    frame[[f"{channel}_shifted" for channel in CHANNELS]] = shifted
    frame["has_device"] = (frame["app"] > 0) | (frame["app_shifted"] > 0)
    frame["has_card"] = (frame["store"] > 0) | (frame["store_shifted"] > 0)
    frame["has_handle"] = rng.random(len(frame)) < np.minimum(0.25 + own["social"] / 6, 0.9)
    return frame


def _draw_tastes(
    segments: Sequence[Segment], segment: np.ndarray, *, rng: np.random.Generator
) -> pd.DataFrame:
    favour = np.array(
        [[1.0 if category in s.categories else 0.12 for category in CATEGORIES] for s in segments]
    )
    favour /= favour.sum(axis=1, keepdims=True)
    return pd.DataFrame(_draw_shares(favour[segment] * 10, rng=rng, least=0.0), columns=list(CATEGORIES))


def _draw_shares(concentration: np.ndarray, *, rng: np.random.Generator, least: float = 0.04) -> np.ndarray:
    """Dirichlet shares, one row each; those below `least` count as a channel never used."""
    weights = rng.gamma(concentration) + 1e-9
    shares = weights / weights.sum(axis=1, keepdims=True)
    shares = np.where(shares < least, 0.0, shares)
    return shares / shares.sum(axis=1, keepdims=True)


def _draw_records(count: int, *, rng: np.random.Generator) -> pd.DataFrame:
    came_by = rng.choice(len(ACQUISITION), size=count, p=[0.34, 0.26, 0.14, 0.10, 0.16])
    cost = _ACQUISITION_COST[came_by] * rng.lognormal(-0.08, 0.4, count)
    asked, marketing = rng.random(count), rng.random(count)
    profiling = np.select([asked < 0.97, asked < 0.99], ["yes", "no"], "")
    return pd.DataFrame(
        {
            "country": rng.choice(["DE", "AT", "CH", "NL"], size=count, p=[0.78, 0.10, 0.07, 0.05]),
            "acquisition_channel": np.array(ACQUISITION)[came_by],
            "acquisition_cost": cost.round(2),
            "age_band": rng.choice(AGE_BANDS, size=count, p=[0.12, 0.24, 0.22, 0.18, 0.14, 0.10]),
            "consent_profiling": profiling,
            "consent_marketing": np.where(
                profiling == "yes", np.where(marketing < 0.98, "yes", "no"), profiling
            ),
        }
    )


def _list_keys(kind: str, values: pd.Series | np.ndarray, person: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"key_kind": kind, "key_value": np.asarray(values, dtype=object), "person": person})


def _draw_tokens(prefix: str, count: int, *, rng: np.random.Generator) -> pd.Series:
    """Opaque values: distinct odd multiples of one number, so that no two are equal."""
    step = int(rng.integers(2**47, 2**48)) * 2 + 1
    scattered = (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(step)) % np.uint64(2**48)
    return prefix + pd.Series(scattered).map("{:012x}".format)
