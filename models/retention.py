"""How long is kept what: `[retention]`, days by table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import Field, RootModel, field_validator

DATED: Mapping[str, str] = {
    "events": "occurred_at",
    "activity_daily": "day",
    "orders": "day",
    "sessions": "day",
    "categories_daily": "day",
    "features": "as_of",
    "segments": "as_of",
    "shadow_segments": "as_of",
    "lifetime_values": "as_of",
    "assignments": "assigned_at",
    "quarantine": "first_seen_at",
}
"""Tables of the lake whose rows grow old, and the column that says how old they are."""

DELIVERED = ("events", "assignments")
"""Those of them that sources fill: what is delivered late must not bring back what was deleted."""

FOLDERS = ("reports", "exports")
KEPT = (*DATED, *FOLDERS)
SHORTEST = 30

Days = Annotated[int, Field(ge=SHORTEST)]


class RetentionLimits(RootModel[dict[str, Days]]):
    """`[retention]`: days to keep by table, and for the folders of past reports and exports. Others are kept."""

    root: dict[str, Days] = {}

    @field_validator("root", mode="before")
    @classmethod
    def _known_tables(cls, limits: Any) -> Any:
        unknown = sorted(set(limits) - set(KEPT)) if isinstance(limits, dict) else []
        if unknown:
            raise ValueError(f"'{unknown[0]}' has no limit; there are: {', '.join(KEPT)}")
        return limits

    def find_cutoffs(self, as_of: date) -> dict[str, date]:
        """The first day that is kept, by table or folder, for those that have a limit."""
        return {name: as_of - timedelta(days=days - 1) for name, days in self.root.items()}
