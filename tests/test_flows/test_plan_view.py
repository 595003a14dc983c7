"""What `plan` and `export` show on the screen."""

from __future__ import annotations

from typing import Any

import pytest

from flows.terminal import show_exports, show_plan


def arm(**figures: Any) -> dict[str, Any]:
    given = {
        "arm": "letter",
        "customers": 1500,
        "baseline": 0.05,
        "needed": 6316,
        "power": 0.29,
        "mde": 0.0381,
    }
    return given | {"reason": None} | figures


PLAN = {
    "name": "Spring [letter]",
    "primary_metric": "conversion",
    "arms": {"control": 300, "letter": 1200},
    "overall": [arm()],
    "by_segment": [
        {"segment_name": "Regulars", "arms": [arm(customers=1400)]},
        {
            "segment_name": "Sleepers",
            "arms": [arm(customers=100, power=None, mde=None, reason="too few count")],
        },
    ],
    "sentences": ["1,500 customers: too small", "12 of them are also in call of campaign other"],
}


def test_a_plan_is_its_arms_its_sentences_and_a_table_of_segments(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(PLAN)
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert lines[0] == "Spring [letter]: 300 control, 1,200 letter"
    assert "  12 of them are also in call of campaign other" in lines
    rows = {line.split()[0]: line.split()[1:] for line in lines if "letter" in line and "%" in line}
    assert rows["all"] == ["letter", "1,500", "5.0%", "6,316", "29%", "3.8%"]
    assert rows["Sleepers"] == ["letter", "100", "5.0%", "6,316", "–", "–"]
    assert lines[-1] == "  –: too few count"
    assert max(map(len, lines)) <= 80


def test_money_is_shown_as_money(capsys: pytest.CaptureFixture[str]) -> None:
    row = arm(baseline=12.345, mde=1.5)
    show_plan(PLAN | {"primary_metric": "revenue", "overall": [row], "by_segment": []})
    assert "12.35" in capsys.readouterr().out


def test_a_contact_list_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "10 of 12 rows written"
    show_exports({"exports": {"a": ["a.csv"], "b": ["b.csv"]}, "contacts": {"a": {"sentence": sentence}}})
    assert capsys.readouterr().out.splitlines() == [
        "a: 1 file(s)", "  a.csv", f"  {sentence}", "b: 1 file(s)", "  b.csv",
    ]  # fmt: skip
