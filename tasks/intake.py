"""What an ingestion did: every row accounted for, by source, and what a person should know about it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from tasks.identities import IdentityChanges
from tasks.lake import Lake
from tasks.rollups import EventChanges


class BalanceError(RuntimeError):
    """Rows were read that are neither accepted nor duplicates, quarantined or filtered: a defect of ours."""


@dataclass(slots=True)
class SourceCount:
    """Rows of one source: read = accepted + duplicates + quarantined + filtered; `late` ones are among the accepted."""

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    filtered: int = 0
    late: int = 0

    @property
    def accounted(self) -> int:
        return self.accepted + self.duplicates + self.quarantined + self.filtered


@dataclass(slots=True)
class Intake:
    """What one ingestion did, and in which timezone and currency.

    `schema_breaks` says by source what was left where it is, because a column of it is gone.
    """

    timezone: str = "UTC"
    former_timezone: str | None = None
    currency: str = "EUR"
    by_source: dict[str, SourceCount] = field(default_factory=dict)
    identity: IdentityChanges = field(default_factory=IdentityChanges)
    new_files: tuple[str, ...] = ()
    schema_changes: list[str] = field(default_factory=list)
    schema_breaks: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def changes(self) -> EventChanges:
        """What happened to the events, for the rollups."""
        return EventChanges(self.new_files, self.identity.moved, self.former_timezone)

    def count_new(self, offered: dict[str, int], new: dict[str, int]) -> None:
        """Of the good rows each source offered some were new; the others the lake had already."""
        for source, rows in offered.items():
            self.by_source[source].accepted += new.get(source, 0)
            self.by_source[source].duplicates += rows - new.get(source, 0)

    def check_balance(self) -> None:
        """Nothing is lost silently.

        Raises:
            BalanceError: a source's rows do not add up.
        """
        for name, count in self.by_source.items():
            if count.accounted != count.read:
                raise BalanceError(
                    f"sources.{name}: {count.read} rows read but {count.accounted} accounted for; "
                    "nothing was taken in; please report this as a bug"
                )

    def to_dict(self) -> dict[str, Any]:
        total = {
            f.name: sum(getattr(count, f.name) for count in self.by_source.values())
            for f in fields(SourceCount)
        }
        return {
            **total,
            "timezone": self.timezone,
            "currency": self.currency,
            "by_source": {name: asdict(count) for name, count in sorted(self.by_source.items())},
            "merges": self.identity.merges,
            "splits": self.identity.splits,
            "shared_keys": len(self.identity.shared),
            "schema_changes": self.schema_changes,
            "schema_breaks": self.schema_breaks,
            "warnings": self.warnings,
        }


def read_last_intake(lake: Lake) -> dict[str, Any]:
    """What the last finished run that took anything in said of it; empty where there is none."""
    for summary in reversed(lake.runs()["summary"].to_pylist()):
        told: dict[str, Any] = json.loads(summary)
        if (intake := told.get("ingest", told)).get("timezone"):
            return dict(intake)
    return {}
