"""Whether there is room for the next run: it may write every table anew before it lets go of the old files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tasks.checks import Check, Examination, Finding, require_shop
from tasks.runs import read_last_metrics

_GIB = 2**30
SPARE = _GIB
REMEDY = "make room, or move home to a larger disk"


def look_at_disk(examination: Examination) -> Iterator[Finding]:
    home = require_shop(examination).home
    if "://" in home:
        yield Finding("ok", "home is a URI; what is free there is not known")
        return
    place = next(folder for folder in (Path(home), *Path(home).parents) if folder.exists())
    free = shutil.disk_usage(place).free
    lake = read_last_metrics(home).get("lake_bytes") or 0
    told = f"{free / _GIB:.1f} GiB free; the lake is {lake / _GIB:.1f} GiB"
    if free < lake or free < SPARE / 4:
        yield Finding("wrong", told, REMEDY)
    elif free < 2 * lake + SPARE:
        yield Finding("warn", told, REMEDY)
    else:
        yield Finding("ok", told)


CHECK = Check("disk", 70, look_at_disk)
