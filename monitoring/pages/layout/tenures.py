"""Which model was in production when."""

from __future__ import annotations

import pandas as pd


def list_tenures(promotions: pd.DataFrame) -> pd.DataFrame:
    """Which version was in production, newest first: version, since, until (missing: still is), weeks decided.

    Args:
        promotions: every decision: decided_at, as_of, champion_version (in use after it).
    """
    columns = ["version", "since", "until", "weeks"]
    if promotions.empty:
        return pd.DataFrame(columns=columns)
    decided = promotions.sort_values("decided_at", kind="stable")
    decided = decided[decided["champion_version"].notna()]
    term = (decided["champion_version"] != decided["champion_version"].shift()).cumsum()
    terms = decided.groupby(term).agg(
        version=("champion_version", "first"), since=("decided_at", "first"), weeks=("as_of", "nunique")
    )
    return terms.assign(until=terms["since"].shift(-1))[columns].iloc[::-1].reset_index(drop=True)
