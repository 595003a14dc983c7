"""Everything the command line can show, with the longest names and largest numbers, on narrow screens."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pytest
from rich.cells import cell_len

from flows import terminal

FIRST, LAST, FILLING = "α", "ω", 90
LONG = f"{FIRST}-unbroken-{'ξ' * FILLING} [bold]and\x1b[2J\nmore[/bold] 顧客セグメント {'of many words ' * 8}{LAST}"
HUGE = 123_456_789_012
FIGURE = "123,456,789,012"
SENTENCE = f"{LONG}: {FIGURE} of them, which is 12.5 %"


def count_rows() -> dict[str, int]:
    names = ("read", "accepted", "duplicates", "quarantined", "filtered", "late")
    return {name: HUGE + place for place, name in enumerate(names)}


def segment(number: int) -> dict[str, Any]:
    return {
        "segment_id": number, "segment_name": f"{number} {LONG}", "size": HUGE + number, "share": 0.123,
        "value": 98_765_432_109.87 if number else None, "rule": f"orders_180d > {HUGE} and [x] {LONG}",
    }  # fmt: skip


def campaign() -> dict[str, Any]:
    lift = {"absolute": 1234567890.12, "low": -1234567890.12, "high": None}
    metric = {"lift": {f"letter {LONG}": lift}, "reason": None}
    silent = {"lift": {"letter": dict.fromkeys(lift)}, "reason": SENTENCE}
    return {
        "name": LONG, "decision": "ship", "sentence": SENTENCE,
        "metrics": {"conversion": metric, "cac": metric, "roi": metric, "ltv": silent},
    }  # fmt: skip


def week() -> dict[str, Any]:
    return {
        "as_of": "2026-11-15",
        "customers": HUGE,
        "champion_version": "12345",
        "ingest": count_rows() | {"warnings": [SENTENCE]},
        "drift": {"decision": "retrain", "reasons": [SENTENCE]},
        "training": {
            "algorithm": LONG, "segments": 8, "candidates": HUGE, "stability": 0.5, "separation": None,
        },
        "promotion": {"decision": "promote", "champion_version": "12345", "reasons": [SENTENCE]},
        "migration": {
            "previous_as_of": "2026-11-08", "before_version": "1", "after_version": "2", "common": HUGE, "moved": 0.1,
            "moved_by_customers": 0.1, "moved_by_model": 0.1, "sentences": [SENTENCE] * 3,
        },
        "segments": [segment(number) for number in range(3)],
        "campaigns": [campaign()],
        "reports": {"index": "/a folder/index.html"},
        "undelivered": [LONG],
    }  # fmt: skip


def planned() -> dict[str, Any]:
    arm = {
        "arm": f"letter {LONG}", "customers": HUGE, "baseline": 1234567.89, "needed": HUGE, "power": 0.8, "mde": None,
        "reason": SENTENCE,
    }  # fmt: skip
    return {
        "name": LONG, "primary_metric": "revenue", "arms": {LONG: HUGE, "control": HUGE}, "overall": [arm],
        "by_segment": [{"segment_name": LONG, "arms": [arm]}], "sentences": [SENTENCE],
    }  # fmt: skip


def checked() -> dict[str, Any]:
    rows = [{"row": {LONG: LONG, "value": FIGURE}, "reasons": reasons} for reasons in ([], [SENTENCE])]
    source = {"name": LONG, "table": "events", "files": HUGE, "columns": LONG, "preview": rows}
    return {"sources": [source]}


def audited() -> dict[str, Any]:
    source = count_rows() | {
        "name": LONG, "identified": 0.999, "reasons": [{"rows": HUGE, "reason": SENTENCE}] * 4,
    }  # fmt: skip
    family = {
        "name": LONG, "coverage": 0.5, "meaning": "", "needs": [], "factors": {LONG: 0.0, "orders_30d": 1.0},
    }  # fmt: skip
    profile = {
        "as_of": "2026-11-15", "customers": HUGE, "sources": [source, source | {"name": "web"}],
        "history": {
            "events": HUGE, "first": "2024-01-01", "last": "2026-11-15", "weeks": 150, "events_per_week": HUGE,
            "gaps": {LONG: ["2026-01-01"]},
        },
        "keys": {
            "customers_by_sources": {"1": HUGE, "2": HUGE, "3": HUGE}, "shared": {LONG: HUGE},
            "overlaps": [
                {"sources": [LONG, f"{n} {LONG}"], "key_kind": LONG, "share": 0.5, "both": HUGE} for n in range(9)
            ],
        },
        "families": [family, family | {"name": "own", "meaning": SENTENCE}],
        "support": [{"ok": ok, "sentence": SENTENCE} for ok in (True, False)],
    }  # fmt: skip
    return checked() | {"profile": profile}


def versioned() -> dict[str, Any]:
    version = {
        "version": "12345", "aliases": LONG, "as_of": "2026-11-15", "algorithm": LONG, "segments": 8, "decision": None,
    }  # fmt: skip
    row = {"as_of": "2026-11-15", "decision": "promote", "champion_version": None, "reasons": [SENTENCE]}
    return {"versions": [version], "promotions": [row]}


def ran() -> dict[str, Any]:
    return {
        "flow": LONG, "as_of": "2026-11-15", "finished_at": datetime(2026, 11, 16, 5), "seconds": HUGE,
        "peak_mib": HUGE, "rows": {"read": HUGE}, "decision": LONG,
    }  # fmt: skip


SHOWN: dict[str, Mapping[str, Any]] = {
    "show_weekly": week(),
    "show_demo": {"simulated": SENTENCE, "weeks": [week()], "truth": SENTENCE},
    "show_score": week(),
    "show_segments": {"as_of": "2026-11-15", "segments": [segment(1)], "map": "map.html"},
    "show_campaign": campaign(),
    "show_plan": planned(),
    "show_ingest": {"by_source": {LONG: count_rows(), "web": count_rows()}, "warnings": [SENTENCE]},
    "show_check": checked(),
    "show_audit": audited(),
    "show_models": versioned(),
    "show_exports": {"exports": {LONG: ["a.csv"]}, "contacts": {LONG: {"sentence": SENTENCE}}},
    "show_facts": {"decision": "watch", "reasons": [SENTENCE, SENTENCE], "customers": HUGE, LONG: FIGURE},
    "show_receipt": {"receipt_id": LONG, "erased_at": "2026-11-16T05:00:00+00:00", "rows": {LONG: HUGE, "events": HUGE},
                     "exports": [{"sentence": SENTENCE}, {"sentence": SENTENCE}]},
    "show_doctor": {
        "findings": [
            {"check": "lake", "status": "wrong", "sentence": SENTENCE, "remedy": LONG},
            {"check": "prefect", "status": "ok", "sentence": LONG, "remedy": None},
        ],
        "released": [LONG],
    },
    "show_runs": {"runs": [ran(), ran() | {"seconds": None, "peak_mib": None, "rows": {}, "decision": None}]},
}  # fmt: skip
OTHERS = {"show_duration"}


@pytest.fixture(params=[80, 60])
def show(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[str, int]]:
    monkeypatch.setenv("COLUMNS", str(request.param))

    def run(name: str) -> tuple[str, int]:
        getattr(terminal, name)(SHOWN[name])
        return capsys.readouterr().out, request.param

    return run


def test_everything_that_can_be_shown_is_looked_at_here() -> None:
    assert {name for name in terminal.__all__ if name.startswith("show_")} == set(SHOWN) | OTHERS


@pytest.mark.parametrize("name", SHOWN)
def test_no_line_is_wider_than_the_screen_and_none_moves_the_cursor(
    show: Callable[[str], tuple[str, int]], name: str
) -> None:
    shown, width = show(name)
    assert "\x1b" not in shown
    assert [line for line in shown.splitlines() if cell_len(line.rstrip()) > width] == []


@pytest.mark.parametrize("name", SHOWN)
def test_no_name_or_sentence_is_cut(show: Callable[[str], tuple[str, int]], name: str) -> None:
    shown = show(name)[0]
    assert "…" not in shown.replace("… and 3 more pairs", "")
    names = shown.count(FIRST)
    assert names > 0
    assert shown.count(LAST) == names
    assert shown.count("ξ") == FILLING * names
    assert shown.count("客") == names
    # What looks like markup is a part of the name.
    assert shown.count("[") >= 3 * names


@pytest.mark.parametrize("name", SHOWN)
def test_no_figure_is_cut(show: Callable[[str], tuple[str, int]], name: str) -> None:
    figures = re.findall(r"\d[\d,.]*", show(name)[0])
    whole = re.compile(r"\d{1,3}(,\d{3})*(\.\d+)?[.,]?|\d+(\.\d+)?[.,]?")
    assert [figure for figure in figures if not whole.fullmatch(figure)] == []
    assert [figure for figure in figures if figure.startswith("123,456,789,01")] or name == "show_models"


def test_a_table_that_does_not_fit_is_told_in_lines_that_name_every_figure(
    show: Callable[[str], tuple[str, int]],
) -> None:
    shown, _width = show("show_ingest")
    told = " ".join(shown.split())
    for place, name in enumerate(("read", "accepted", "duplicates", "quarantined", "filtered", "late")):
        assert told.count(f"{name} {HUGE + place:,}") == 2
