"""How the installation is: what the doctor found, and what the newest runs took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.terminal.facts import show_facts
from flows.terminal.screen import NO_FIGURE, bold, console, join, show_table, show_text

_LONGEST_STATUS = len("wrong")


def show_doctor(result: Mapping[str, Any]) -> None:
    """A line for everything that was looked at; what to do stands below what is not well."""
    out = console()
    for line in result["findings"]:
        status = line["status"].ljust(_LONGEST_STATUS)
        show_text(join(bold(status), f"  {line['check']}: {line['sentence']}"), out, hang=7)
        if line["remedy"]:
            show_text(f"to do: {line['remedy']}", out, indent=7, hang=9)
    if result["released"]:
        show_facts({"released": result["released"]})
    wrong = sum(line["status"] == "wrong" for line in result["findings"])
    show_text(f"{wrong} wrong" if wrong else "nothing is wrong", out)


def show_runs(result: Mapping[str, Any]) -> None:
    """The newest runs, one a row."""
    columns = ("finished, UTC", "flow", "as of", "seconds", "MiB", "rows", "decision")
    rows = [
        (
            f"{run['finished_at']:%m-%d %H:%M}", run["flow"], run["as_of"], _write(run.get("seconds")),
            _write(run.get("peak_mib")), _write(run.get("rows", {}).get("read")), run["decision"] or "",
        )
        for run in result["runs"]
    ]  # fmt: skip
    show_table(columns, rows, console(), figures=columns[:1] + columns[2:6])


def _write(figure: float | None) -> str:
    return NO_FIGURE if figure is None else f"{figure:,.0f}"
