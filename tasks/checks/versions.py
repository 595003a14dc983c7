"""Whether Python and the packages are those the program is known to run with, and what else the shop needs is there."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from packaging.markers import Marker

from tasks.browsers import BrowserError, find_browser
from tasks.checks import Check, Examination, Finding, Shop
from tasks.run_metrics import read_program_version

LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"
OLDEST_PYTHON = (3, 11)
TOLD = 5
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(?:;\s*([^\\]+))?")


def look_at_versions(examination: Examination) -> Iterator[Finding]:
    python = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST_PYTHON:
        yield Finding("wrong", f"Python {python} is too old", "use Python 3.11 or later")
    yield from _compare_packages(python)
    if examination.shop is not None:
        yield from _look_for_extras(examination.shop)


def _compare_packages(python: str) -> Iterator[Finding]:
    program = f"Segmentwerk {read_program_version()}, Python {python}"
    if not LOCK.exists():
        yield Finding("ok", f"{program}; there is no lock beside the program to compare packages with")
        return
    pins = list_pins(LOCK.read_text(encoding="utf-8"))
    missing, other = [], []
    for name, wanted in pins.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
            continue
        if found != wanted:
            other.append(f"{name} {found} for {wanted}")
    remedy = "pip install --require-hashes --no-deps -r requirements.lock"
    if missing:
        yield Finding("wrong", f"packages are missing: {_list_some(missing)}", remedy)
    if other:
        yield Finding("warn", f"other packages than the lock names: {_list_some(other)}", remedy)
    if not missing and not other:
        yield Finding("ok", f"{program}, {len(pins)} packages as the lock names them")


def list_pins(lock: str) -> dict[str, str]:
    """The version of every package that a lock wants on a machine like this."""
    found = (_PIN.match(line) for line in lock.splitlines())
    return {pin[1]: pin[2] for pin in found if pin and (pin[3] is None or Marker(pin[3].strip()).evaluate())}


def _list_some(names: list[str]) -> str:
    more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return ", ".join(names[:TOLD]) + more


def _look_for_extras(shop: Shop) -> Iterator[Finding]:
    if shop.engine.name == "spark":
        if find_spec("pyspark") is None:
            yield Finding(
                "wrong", "[engine] name is 'spark', but there is no PySpark", "install segmentwerk[spark]"
            )
        elif shop.engine.is_local_spark and shutil.which("java") is None:
            yield Finding(
                "wrong", "[engine] name is 'spark' on this machine, but there is no Java", "install Java 17"
            )
        else:
            yield Finding("ok", "Spark has what it needs")
    if shop.sends_reports:
        try:
            yield Finding("ok", f"reports are printed by {find_browser(shop.browser)}")
        except BrowserError as error:
            found, _, remedy = str(error).partition("; ")
            yield Finding("warn", found, remedy)


CHECK = Check("versions", 90, look_at_versions, needs_shop=False)
