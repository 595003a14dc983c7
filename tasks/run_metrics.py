"""What a run took: seconds, memory, rows, and what the lake weighs after it; kept in `runs` as `metrics`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

_MIB = 2**20
_ROWS = ("read", "accepted", "duplicates", "quarantined", "filtered", "late")
_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


def read_program_version() -> str:
    """The version of this program, as it is installed; `unknown` where it runs from its bare source."""
    try:
        return metadata.version("segmentwerk")
    except metadata.PackageNotFoundError:
        return "unknown"


def measure_run(
    home: str, summary: Mapping[str, Any], *, started_at: datetime, finished_at: datetime
) -> dict[str, Any]:
    """Metrics of a run that is about to be put on record.

    Args:
        home: what the lake lies in; where that is a URI, its size and what is free there are unknown (None).
        summary: what the run says of itself: rows as of an intake, seconds by stage.
        started_at, finished_at: its time.

    Returns:
        seconds; stages (seconds by stage); peak_mib (of the process, since the run began where the system can tell);
        rows (counts of the intake; empty where nothing was taken in); lake_bytes and lake_files (with what former
        versions need); free_bytes.
    """
    intake = summary.get("ingest") or summary
    sizes = None if "://" in home else list(_list_sizes(Path(home) / "lake"))
    return {
        "seconds": (finished_at - started_at).total_seconds(),
        "stages": summary.get("seconds") or {},
        "peak_mib": read_peak(),
        "rows": {name: intake[name] for name in _ROWS if "by_source" in intake and name in intake},
        "lake_bytes": None if sizes is None else sum(sizes),
        "lake_files": None if sizes is None else len(sizes),
        "free_bytes": None if sizes is None else shutil.disk_usage(home).free,
    }


def reset_peak() -> None:
    """Let the peak of memory be counted from here on, where the system can."""
    try:
        _RESET.write_text("5", encoding="ascii")
    except OSError:
        return


def read_peak() -> float | None:
    """The most memory this process has had resident, in MiB; None where the system does not tell."""
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return _read_lifelong_peak()
    found = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if found is None else round(int(found) / 1024, 1)


def _read_lifelong_peak() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kibibytes everywhere but on macOS.
    return round(peak / (_MIB if os.uname().sysname == "Darwin" else 1024), 1)


def _list_sizes(folder: Path) -> Iterator[int]:
    for path, _folders, files in os.walk(folder):
        for name in files:
            # An export puts itself on record beside a run; what it has just replaced weighs nothing.
            with suppress(FileNotFoundError):
                yield (Path(path) / name).stat().st_size
