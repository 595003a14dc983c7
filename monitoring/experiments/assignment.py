"""Who gets the campaign: a randomised draw, stratified by segment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import sha256

import numpy as np
import pandas as pd

from monitoring.experiments import CONTROL


def assign_arms(customers: pd.DataFrame, *, shares: Mapping[str, float], salt: str) -> pd.DataFrame:
    """Draw an arm for every customer.

    Within their segment customers are put in the order of a salted hash, and all of them laid along an evenly
    mixed sequence of arms that starts at a salted place. So the arms' sizes are exact over all customers and
    nearly so in every segment (two arms: off by less than one), every customer has the same chance of an arm,
    and the same salt gives the same arms whatever the order of the rows. Give every campaign its own salt.

    Args:
        customers: columns customer_id (each once) and segment_id (may be null: these are a stratum too).
        shares: share of each arm, "control" among them; they add up to 1.
        salt: what makes this draw different from another's, such as the campaign's id.

    Returns:
        customer_id, arm, segment_id, one row a customer, ordered by customer_id.

    Raises:
        ValueError: bad shares, or a customer given twice.
    """
    check_shares(shares)
    repeated = customers["customer_id"].duplicated()
    if repeated.any():
        first = customers.loc[repeated, "customer_id"].iloc[0]
        raise ValueError(f"customer '{first}' is given twice; give each customer once")
    drawn = customers[["customer_id", "segment_id"]].sort_values("customer_id", ignore_index=True)
    digest = sha256(salt.encode()).hexdigest()
    hashed = pd.util.hash_array(drawn["customer_id"].to_numpy(dtype=object), hash_key=digest[:16])
    strata = drawn["segment_id"].rank(method="dense", na_option="bottom")
    start = int(digest[16:32], 16) % max(len(drawn), 1)
    arms = np.empty(len(drawn), dtype=object)
    arms[np.lexsort((hashed, strata))] = np.roll(_mix_arms(len(drawn), shares), start)
    return drawn.assign(arm=arms)[["customer_id", "arm", "segment_id"]]


def count_arms(customers: int, *, shares: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers in proportion to the shares that add up to `customers` (largest remainders)."""
    exact = {arm: customers * share for arm, share in shares.items()}
    counts = {arm: math.floor(number) for arm, number in exact.items()}
    by_remainder = sorted(exact, key=lambda arm: (counts[arm] - exact[arm], arm))
    for arm in by_remainder[: customers - sum(counts.values())]:
        counts[arm] += 1
    return counts


def check_shares(shares: Mapping[str, float]) -> None:
    """Refuse arms that are no experiment.

    Raises:
        ValueError: there is no control or no treatment, a share is out of range, or they do not add up to 1.
    """
    if CONTROL not in shares or len(shares) < 2:
        raise ValueError(f"shares has the arms {', '.join(shares)}; give '{CONTROL}' and a treatment")
    for arm, share in shares.items():
        if not 0 < share < 1:
            raise ValueError(f"shares: arm '{arm}' has {share}; give a share between 0 and 1")
    total = math.fsum(shares.values())
    if not math.isclose(total, 1.0, abs_tol=1e-9):
        raise ValueError(f"shares add up to {total:g}; they must add up to 1")


def _mix_arms(customers: int, shares: Mapping[str, float]) -> np.ndarray:
    """A sequence with exact counts, each arm's places evenly spread, so that any stretch has the shares."""
    counts = count_arms(customers, shares=shares)
    names = np.repeat(np.array(sorted(counts), dtype=object), [counts[arm] for arm in sorted(counts)])
    places = np.concatenate([(np.arange(counts[arm]) + 0.5) / max(counts[arm], 1) for arm in sorted(counts)])
    return names[np.argsort(places, kind="stable")]
