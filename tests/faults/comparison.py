"""Whether a shop is what an undisturbed run would have left: lake, registry and reports, row by row.

These functions are run by `Killer` like commands, so that each has a process of its own.
"""

from __future__ import annotations

import html
import json
import pickle
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from lake_contents import assert_same_contents, list_runs, read_contents

from faults.courses import DAY

OF_THE_VERSION = ("trained_at", "run_id", "snapshot_id", "code_version")
_TAG = re.compile(r"<[^>]+>")
# What two runs that did the same differ in: their ids, when they were, and how long they took.
_OF_THE_RUN = (
    (re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}"), "RUN"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "SECONDS"),
    (re.compile(r"(?<=since )\d{1,2} [A-Z][a-z]+ \d{4}"), "DAY"),
)
_DAY = re.compile(r"\b\d{1,2} [A-Z][a-z]+ \d{4}\b")


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a shop.

    Attributes:
        contents: the lake's tables.
        registry: every version without its times and ids, and which one can be loaded as champion.
        reports: the text of every page, by path.
        runs: how many runs are on record.
    """

    contents: dict[str, pd.DataFrame]
    registry: dict[str, Any]
    reports: dict[str, str]
    runs: int


def read_state(folder: Path) -> State:
    home = folder / "var"
    contents = read_contents(home)
    if "promotions" in contents:
        # A rollback is about the day it is made on.
        promotions = contents["promotions"]
        promotions["as_of"] = promotions["as_of"].mask(promotions["decision"] == "rollback")
    return State(contents, read_registry(folder), read_reports(home / "reports"), len(list_runs(home)))


def read_registry(folder: Path) -> dict[str, Any]:
    from flows.settings import load_settings
    from tasks.registry import list_versions, load_segmenter, open_registry

    settings = load_settings(folder / "segmentwerk.toml")
    if settings.mlflow_tracking_uri is None and not (folder / "var" / "mlflow.db").exists():
        return {}
    registry = open_registry(settings.home, tracking_uri=settings.mlflow_tracking_uri)
    versions = list_versions(registry).drop(columns=list(OF_THE_VERSION))
    versions["rolled_back_at"] = versions["rolled_back_at"].notna()
    champion = load_segmenter(registry, "champion")
    told = json.loads(versions.to_json(orient="records", double_precision=6))
    return {"versions": told, "champion": champion.version if champion else None}


def read_reports(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): _read_text(path)
        for path in sorted(folder.glob("*/*.html"))
        if not path.parent.name.startswith(".")
    }


def _read_text(path: Path) -> str:
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = " ".join(html.unescape(_TAG.sub(" ", text)).split())
    for pattern, word in _OF_THE_RUN:
        text = pattern.sub(word, text)
    return _DAY.sub(_hide_later_day, text)


def _hide_later_day(found: re.Match[str]) -> str:
    """Days after the last of the shop's are those on which the runs were made, by the clock there was."""
    try:
        day = datetime.strptime(found[0], "%d %B %Y").date()
    except ValueError:
        return found[0]
    return "DAY" if day > date.fromisoformat(DAY) else found[0]


def remember(folder: str, file: str) -> None:
    """Keep a shop's state in a file, to compare others with."""
    Path(file).write_bytes(pickle.dumps(read_state(Path(folder))))


def tell_runs(folder: str) -> None:
    """Print how many runs are on record."""
    print(len(list_runs(Path(folder) / "var")))


def compare(folder: str, *files: str) -> None:
    """Print what differs between a shop and the state an undisturbed run left, and which rows are lost or doubled.

    The first file is of a shop whose command has run once, the next of one where it has run twice undisturbed: that is
    what there is to be where the disturbed run had put itself on record before the end.
    """
    found = read_state(Path(folder))
    known: list[State] = [pickle.loads(Path(file).read_bytes()) for file in files]  # noqa: S301 - written above
    expected = next((one for one in known if one.runs == found.runs), known[-1])
    changed = compare_contents(found, expected)
    lost, doubled = count_rows(found.contents, expected.contents) if changed else (0, 0)
    print(
        json.dumps(
            {
                "lost": lost, "doubled": doubled,
                "differences": [
                    *changed,
                    *_compare_registry(found, expected),
                    *_compare_reports(found, expected),
                    *([] if found.runs in {one.runs for one in known} else [f"{found.runs} runs on record"]),
                    *(f"left behind: {path}" for path in _list_remains(Path(folder))),
                ],
            }
        )
    )  # fmt: skip


def count_rows(found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]) -> tuple[int, int]:
    """Rows of all tables that are missing, and that are there more often than they should be."""
    lost = doubled = 0
    for name, frame in expected.items():
        ours, theirs = _count(found.get(name)), _count(frame)
        lost += (theirs - ours).total()
        doubled += (ours - theirs).total()
    return lost, doubled


def _count(frame: pd.DataFrame | None) -> Counter[str]:
    if frame is None or frame.empty:
        return Counter()
    rounded = frame.apply(lambda column: column.round(6) if column.dtype.kind == "f" else column)
    return Counter(map(repr, rounded.itertuples(index=False, name=None)))


def compare_contents(found: State, expected: State) -> list[str]:
    try:
        assert_same_contents(found.contents, expected.contents)
    except AssertionError as error:
        return [" ".join(str(error).split())[:400]]
    return []


def _compare_registry(found: State, expected: State) -> list[str]:
    if found.registry == expected.registry:
        return []
    return [f"registry: {find_change(json.dumps(found.registry), json.dumps(expected.registry))}"]


def _compare_reports(found: State, expected: State) -> list[str]:
    if found.reports.keys() != expected.reports.keys():
        return [f"reports: {sorted(found.reports.keys() ^ expected.reports.keys())}"]
    return [
        f"{name}: {find_change(text, expected.reports[name])}"
        for name, text in found.reports.items()
        if text != expected.reports[name]
    ]


def find_change(found: str, expected: str) -> str:
    """Where two texts begin to differ, with the words around it."""
    place = next((n for n, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), 0)
    start = max(place - 60, 0)
    return f"…{found[start : place + 80]}… instead of …{expected[start : place + 80]}…"


def _list_remains(folder: Path) -> list[str]:
    """What a run that is over has no need of any more."""
    home = folder / "var"
    found = [*home.glob("scratch/*"), *home.glob("reports/.*"), *home.glob("exports/**/.*")]
    return [str(path.relative_to(folder)) for path in found]
