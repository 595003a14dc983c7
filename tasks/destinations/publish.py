"""The report site, copied to a folder others can see, a web server's or a shared drive's.

`path` is the folder; `options.reports` is where the reports are. In it appear one folder a week and `latest`,
so that the address of the newest report never changes and the links to past weeks work.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.destinations import Destination, Export

if TYPE_CHECKING:
    import ibis


def publish_site(_tables: Mapping[str, ibis.Table], export: Export, _as_of: date) -> tuple[Path, ...]:
    """Copy the newest report, and past ones that are not there yet; the newest one's index page.

    Raises:
        ValueError: the export does not say where the reports are.
        LookupError: there are no reports.
    """
    from tasks.reports import copy_site, list_weeks, refresh_latest

    if "reports" not in export.options:
        raise ValueError(f"exports.{export.name}: options.reports is missing: the folder the reports are in")
    reports = Path(export.options["reports"])
    weeks = list_weeks(reports)
    if not weeks:
        raise LookupError(f"exports.{export.name}: no reports in {reports}; run `segmentwerk weekly` first")
    published = list_weeks(export.path)
    for week in weeks:
        if week == weeks[0] or week not in published:
            # Files of its own: what others may change must not be the file in the reports folder.
            copy_site(reports / week, export.path / week, place=shutil.copy2)
    refresh_latest(export.path)
    return (export.path / "latest" / "index.html",)


DESTINATION = Destination(
    "publish", "the report site, copied to a folder", publish_site, options=("reports",)
)
