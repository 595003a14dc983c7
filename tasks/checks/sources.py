"""Whether every source has something to read. What is in it, `segmentwerk check` says."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.checks import Check, Examination, Finding, require_shop
from tasks.sources import SourceError, list_deliveries


def look_at_sources(examination: Examination) -> Iterator[Finding]:
    shop = require_shop(examination)
    files, sound = 0, True
    for source in shop.sources:
        if source.query is not None:
            continue
        try:
            files += len(list_deliveries(source, base=shop.base))
        except SourceError as error:
            sound = False
            yield Finding("wrong", str(error), "see that it is delivered, or correct its path")
    asked = sum(source.query is not None for source in shop.sources)
    databases = f", {asked} of them databases, which were not asked" if asked else ""
    if sound:
        yield Finding("ok", f"{len(shop.sources)} sources{databases}; {files:,} files")


CHECK = Check("sources", 20, look_at_sources)
