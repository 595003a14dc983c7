"""The report site where others see it: in a folder of a web server or a shared drive, or in an object store.

`path` is the folder, or a URI such as `s3://bucket/reports`; `options.reports` is where the reports are. In it appear
one folder a week and `latest`, so that the address of the newest report never changes and the links to past weeks
work. How to get into an object store is said by the environment, or by a block of Prefect's in `options.block`.
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


def publish_site(_tables: Mapping[str, ibis.Table], export: Export, as_of: date) -> tuple[Path | str, ...]:
    """Copy the newest report, that of the day, and others that are not there yet; the newest one's index page.

    Raises:
        ValueError: the export does not say where the reports are.
        LookupError: there are no reports.
        StoreError: the object store cannot be reached, or refuses.
    """
    from tasks.object_stores import open_store, publish_weeks
    from tasks.reports import list_weeks

    if "reports" not in export.options:
        raise ValueError(f"exports.{export.name}: options.reports is missing: the folder the reports are in")
    reports = Path(export.options["reports"])
    if not list_weeks(reports):
        raise LookupError(f"exports.{export.name}: no reports in {reports}; run `segmentwerk weekly` first")
    if export.uri is None:
        return (_copy_weeks(reports, export.path, again=as_of.isoformat()),)
    settings = {name: value for name, value in export.options.items() if name != "reports"}
    return (publish_weeks(reports, open_store(export.uri, **settings), again=as_of.isoformat()),)


def _copy_weeks(reports: Path, target: Path, *, again: str) -> Path:
    from tasks.reports import LATEST, copy_site, list_weeks, refresh_latest

    newest, published = list_weeks(reports)[0], list_weeks(target)
    for week in list_weeks(reports):
        if week in (newest, again) or week not in published:
            # Files of its own: what others may change must not be the file in the reports folder.
            copy_site(reports / week, target / week, place=shutil.copy2)
    refresh_latest(target)
    return target / LATEST / "index.html"


DESTINATION = Destination(
    "publish",
    "the report site, copied to a folder or an object store",
    publish_site,
    options=("reports", "block", "endpoint_url", "profile"),
    takes_uri=True,
    weekly=True,
)
