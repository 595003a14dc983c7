"""What Prefect's page of artifacts shows of a run."""

from typing import Any

from test_monitoring.report_sample import EVIL, make_campaign, make_data

from monitoring.artifacts import Artifact, list_artifacts

SEGMENT = {"segment_id": 1, "segment_name": "Regulars", "size": 1200, "share": 0.4, "value": 61.5,
           "rule": "orders >= 3", "lineage": "kept"}  # fmt: skip
WEEK = make_data().summary | {"as_of": "2026-11-16", "run_id": "r1", "segments": [SEGMENT]}


def show(summary: dict[str, Any]) -> dict[str, Artifact]:
    return {artifact.key: artifact for artifact in list_artifacts(summary, currency="EUR")}


def test_a_week_shows_segments_drift_promotion_and_campaigns() -> None:
    shown = show(WEEK)
    assert list(shown) == ["segments", "drift", "promotion", "campaigns"]
    assert {artifact.description.replace("\xa0", " ") for artifact in shown.values()} == {
        "As of 16 November 2026, run r1"
    }


def test_a_day_shows_segments_and_drift() -> None:
    day = {key: WEEK[key] for key in ("as_of", "run_id", "segments", "drift")}
    retraining = {"due": True, "cause": "age", "sentence": "the champion is 200 days old (at most 180)"}
    shown = show(day | {"retraining": retraining})
    assert list(shown) == ["segments", "drift"]
    assert "Retraining: the champion is 200 days old (at most 180)." in shown["drift"].content


def test_segments_are_a_table() -> None:
    unknown = SEGMENT | {"segment_id": -1, "value": None}
    rows = show(WEEK | {"segments": [SEGMENT, unknown]})["segments"].content
    assert isinstance(rows, list)
    assert rows[0] == {
        "id": "1", "segment": "Regulars", "customers": "1,200", "share": "40.0\xa0%",
        "value in 180 days": "€61.50", "since last time": "kept", "rule": "orders >= 3",
    }  # fmt: skip
    assert rows[1]["value in 180 days"] == "–"


def test_drift_says_what_to_do_and_what_moved() -> None:
    text = show(WEEK)["drift"].content
    assert text == (
        "## Watch\n\nBehaviour has begun to change.\n\n"
        "**What to do:** No action yet: see whether it lasts next week.\n\n"
        "- One factor moved.\n\nFactors that drifted: discount share."
    )


def test_promotion_says_which_model_is_in_use_and_why() -> None:
    text = str(show(WEEK)["promotion"].content)
    assert text.startswith("## New model\n\nA new model has taken over.\n\n")
    assert "In use: version 2." in text
    assert "kmeans with 2 segments, stability 0.950, separation 1.42, best of 2." in text
    assert "- Stability rose." in text


def test_campaigns_have_every_kpi_with_its_interval_or_the_reason() -> None:
    text = str(show(WEEK)["campaigns"].content).replace("\xa0", " ")
    assert text.startswith("## Autumn mail: Repeat\n\nAutumn mail worked: conversion was better.")
    (conversion,) = (line for line in text.splitlines() if line.startswith("| Conversion"))
    assert "| 9.12 % | 12.05 % | +2.93 points | +0.81 to +5.05 points |" in conversion
    (churn,) = (line for line in text.splitlines() if line.startswith("| Churn"))
    assert "60 days have not passed" in churn
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_no_campaign_is_said_in_words() -> None:
    text = show(WEEK | {"campaigns": []})["campaigns"].content
    assert text == "No campaign with a control group has been measured."


def test_names_cannot_break_the_page() -> None:
    text = str(show(WEEK | {"campaigns": [make_campaign(name=f"a | b\n# c {EVIL}")]})["campaigns"].content)
    assert text.splitlines()[0].startswith("## a \\| b # c &lt;script>")
    assert "<script" not in text
