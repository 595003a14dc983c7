"""Whether every source has something to read. What is in it, `segmentwerk check` says."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.checks import Check, Examination, Finding, require_shop
from tasks.sources import list_deliveries


def look_at_sources(examination: Examination) -> Iterator[Finding]:
    shop = require_shop(examination)
    empty, files = [], 0
    for source in shop.sources:
        if source.query is not None:
            continue
        found = list_deliveries(source, base=shop.base)
        files += len(found)
        if not found:
            empty.append(source.name)
    for name in empty:
        yield Finding(
            "warn", f"sources.{name}: no file matches its path", "see that it is delivered, or correct path"
        )
    asked = sum(source.query is not None for source in shop.sources)
    databases = f", {asked} of them databases, which were not asked" if asked else ""
    if len(empty) < len(shop.sources):
        yield Finding("ok", f"{len(shop.sources)} sources{databases}; {files:,} files")


CHECK = Check("sources", 20, look_at_sources)
