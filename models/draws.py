"""Which customers are drawn, or set aside: decided by who they are, so next week it is the same ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

HELD_OUT_SHARE = 0.2
HELD_OUT_LEAST = 20_000  # of fewer customers none can be spared
_GATE = "promotion"


def draw_customers(frame: pd.DataFrame, most: int, *, seed: int) -> pd.DataFrame:
    """All customers, or `most` of them drawn at random, in the order given.

    Who joins or leaves changes nobody else's chance: of those drawn this week, those who stay are drawn next week,
    but for as many as newcomers take the place of.
    """
    if len(frame) <= most:
        return frame
    return frame.iloc[np.sort(np.argpartition(_hash(frame.index, salt=f"draw {seed}"), most)[:most])]


def find_held_out(customers: pd.Index) -> np.ndarray:
    """Whether each customer is kept from all learning, for the promotion gate to judge by.

    A fixed fifth, by salted hash; nobody where there are fewer than 20,000 customers.
    """
    if len(customers) < HELD_OUT_LEAST:
        return np.zeros(len(customers), dtype=bool)
    most = np.iinfo(np.uint64).max
    return np.asarray(_hash(customers, salt=_GATE) < np.uint64(int(HELD_OUT_SHARE * most)))


def leave_held_out(frame: pd.DataFrame) -> pd.DataFrame:
    """The customers that may be learnt from."""
    return frame[~find_held_out(frame.index)]


def _hash(customers: pd.Index, *, salt: str) -> np.ndarray:
    # Numbers are hashed without the key; as text they are not.
    texts = pd.Series(customers.astype(str))
    key = f"{salt:.<16}"[:16]
    return pd.util.hash_pandas_object(texts, index=False, hash_key=key, categorize=False).to_numpy()
