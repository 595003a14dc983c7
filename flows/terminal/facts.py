"""Short answers on the screen: names and values, files written, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.terminal.screen import WORTH_TELLING_S, bold, console, join, show_address, show_lines, show_text

# In one piece however long they are: they are there to be copied.
_COPIED = ("index", "config", "next")


def show_facts(result: Mapping[str, Any]) -> None:
    """Name and value, a line each; a list has a line for each of its parts."""
    out = console()
    for name, value in result.items():
        head = f"{name.replace('_', ' ')}: "
        if value is None or value == [] or name == "seconds":
            continue
        if name in _COPIED:
            show_address(head, value, out)
        elif isinstance(value, list):
            first, *others = map(str, value)
            show_text(head + first, out, hang=2)
            for other in others:
                show_text(other, out, indent=2)
        else:
            show_text(f"{head}{value}", out, hang=2)


def show_receipt(receipt: Mapping[str, Any]) -> None:
    """What was erased where, and which exports had already left."""
    rows = [f"{name} {count:,}" for name, count in receipt["rows"].items()]
    show_facts(
        {
            "receipt": receipt["receipt_id"],
            "erased at": receipt["erased_at"],
            "rows": ", ".join(rows) or "nothing was left of the person",
            "exports that had left": [one["sentence"] for one in receipt["exports"]],
        }
    )


def show_exports(result: Mapping[str, Any]) -> None:
    """The files written."""
    out = console()
    for name, files in result["exports"].items():
        show_text(join(bold(name), f": {len(files)} file(s)"), out)
        for file in files:
            show_address("  ", file, out)
        if name in result["contacts"]:
            show_lines([result["contacts"][name]["sentence"]], out)


def show_duration(seconds: float) -> None:
    """How long it took, where anybody had to wait."""
    if seconds > WORTH_TELLING_S:
        show_text(f"Done in {seconds:.0f} s.", console())
