"""Where copies of what the lake holds may be: exports, reports and models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tasks.destinations import Export
from tasks.staging import ShopRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Everything beside the lake that a person must be taken out of.

    Attributes:
        reports: the folder of the report sites.
        language: of these pages.
        exports: the `[[exports]]` with the places they mean, and the folder that tables for BI go to without one.
        tracking_uri: of another MLflow than the one in the lake's home.
        rules: how the keys of contact lists are hashed.
    """

    reports: Path
    language: str
    exports: tuple[Export, ...]
    tracking_uri: str | None
    rules: ShopRules
