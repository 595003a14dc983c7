"""Whether there is memory for what the last run took at its peak."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tasks.checks import Check, Examination, Finding, require_shop
from tasks.runs import read_last_metrics

_MEMINFO = Path("/proc/meminfo")


def look_at_memory(examination: Examination) -> Iterator[Finding]:
    shop = require_shop(examination)
    available = read_available()
    peak = read_last_metrics(shop.home).get("peak_mib")
    if available is None:
        yield Finding("ok", "this system does not tell how much is free")
        return
    told = f"{available:,.0f} MiB free"
    if peak is None:
        yield Finding("ok", f"{told}; no run has told what it takes")
    elif available < peak:
        yield Finding(
            "warn", f"{told}; the last run took {peak:,.0f} MiB at its peak",
            f"end other programs, or lower [engine] memory (now {shop.engine.memory})",
        )  # fmt: skip
    else:
        yield Finding("ok", f"{told}; the last run took {peak:,.0f} MiB at its peak")


def read_available() -> float | None:
    """Memory that programs may still take, in MiB; None where the system does not tell."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line.split()[1] for line in lines if line.startswith("MemAvailable")), None)
    return None if found is None else int(found) / 1024


CHECK = Check("memory", 80, look_at_memory)
