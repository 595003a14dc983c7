"""What a segment's card says to do: the owner's playbook, what finished campaigns changed there, or not yet tested."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from report_sample import EVIL, Document, make_campaign, make_data, make_metric

from flows.settings import load_settings
from monitoring.finished_campaigns import find_last_day, is_over
from monitoring.pages import ReportData, load_pages
from monitoring.pages.layout.campaigns import read_campaigns
from monitoring.pages.layout.evidence import Evidence, list_evidence
from monitoring.pages.layout.trend import read_trend
from monitoring.pages.layout.words import load_words
from monitoring.playbook import Play, find_play, list_strangers

SOURCE = """
[[sources]]
name = "shop"
path = "in/*.csv"
[sources.keys]
email = "mail"
[sources.columns]
occurred_at = "ts"
kind = "'purchase'"
"""
WORDS = load_words()
SEGMENTS = ((1, "Regulars"), (2, "Window shoppers"), (0, "Unlike any"))


def render(data: ReportData) -> Document:
    return Document(load_pages()["segments"].render(data))


def read_cards(data: ReportData) -> dict[str, str]:
    """What each card says, by the segment's name."""
    text = render(data).text.split("Revenue each: what a customer")[0]
    names = [str(name) for name in data.profiles["segment_name"]]
    ends = [*(text.index(name) for name in names[1:]), len(text)]
    return {name: text[text.index(name) : end] for name, end in zip(names, ends, strict=True)}


def measure(
    segment: str = "1", arm: str = "treatment", *, beside: dict[str, Any] | None = None, **lift: Any
) -> dict[str, Any]:
    """The `by_segment` part of a campaign with one segment's result."""
    result = make_metric(0.1, 0.12, lift.pop("reason", None))
    result["lift"] = {arm: result["lift"]["treatment"] | lift}
    result["arms"] = {"control": 0.1, arm: 0.12}
    return {segment: {"customers": {"control": 90, arm: 400}, **result, "beside_others": {arm: beside or {}}}}


def list_of(*campaigns: dict[str, Any], segment_id: int = 1) -> tuple[Evidence, ...]:
    return list_evidence(
        read_campaigns({"campaigns": list(campaigns)}, words=WORDS), WORDS, segment_id=segment_id
    )


def test_the_playbook_of_the_file_stands_on_the_cards(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(
        SOURCE
        + f"""
[playbook.1]
message = '''{EVIL}'''
channel = "letter"
[playbook." Window shoppers "]
offer = "free delivery"
[playbook.0]
channel = "a call"
[playbook.7]
offer = "gone"
[playbook.'<b>Old</b>']
offer = "gone, too"
""",
        encoding="utf-8",
    )
    summary = make_data().summary | {"campaigns": []}
    data = make_data(playbook=load_settings(file).playbook, summary=summary)
    cards = read_cards(data)
    loyal, shoppers, unlike = cards.values()
    assert "Message" in loyal
    assert loyal.count(EVIL) == 2  # the name and the message
    assert "letter" in loyal
    assert "Offer" in shoppers
    assert "free delivery" in shoppers
    assert "letter" not in shoppers
    assert "a call" in unlike
    assert not any("Not yet tested" in card for card in cards.values())
    page = render(data)
    assert "The playbook also speaks of “7” and “<b>Old</b>”, which no segment is now." in page.text
    assert "gone" not in page.text
    assert not [tag for tag, _ in page.elements if tag == "b"]


def test_an_id_counts_before_a_name() -> None:
    playbook = {
        "Regulars": Play(offer="by name"),
        "1": Play(offer="by id"),
        "Newcomers": Play(offer="nobody's"),
    }
    found = find_play(playbook, segment_id=1, name="Regulars")
    assert found is not None
    assert found.offer == "by id"
    assert find_play(playbook, segment_id=2, name="Window shoppers") is None
    assert list_strangers(playbook, SEGMENTS) == ("Newcomers",)
    assert list_strangers({}, SEGMENTS) == ()


def test_with_neither_playbook_nor_campaign_nothing_is_tested() -> None:
    cards = read_cards(make_data(playbook={}, summary=make_data().summary | {"campaigns": [make_campaign()]}))
    loyal, shoppers, unlike = cards.values()
    assert "Not yet tested" not in loyal
    assert "Not yet tested" in shoppers
    assert "Not yet tested" in unlike


def test_playbook_and_effects_stand_together() -> None:
    data = make_data(playbook={"1": Play(offer="a voucher")})
    loyal, *_ = read_cards(data).values()
    assert "a voucher" in loyal
    assert "Autumn mail +2.93 points conversion (+0.81 to +5.05 points)" in loyal
    links = [attributes["href"] for tag, attributes in render(data).elements if tag == "a"]
    assert "roi.html#campaign-1" in links


def test_an_effect_is_told_as_the_roi_page_tells_it() -> None:
    shown = list_of(make_campaign("inconclusive", name="First", by_segment={}), make_campaign())
    assert shown == (
        Evidence(
            "Autumn mail", "roi.html#campaign-2", "+2.93 points conversion (+0.81 to +5.05 points)", "good"
        ),
    )
    roi = Document(load_pages()["roi"].render(make_data()))
    assert roi.read_shown("campaign_1_segments", "Added") == ["+2.93 points"]
    assert roi.read_shown("campaign_1_segments", "95\N{NO-BREAK SPACE}% interval") == [
        "+0.81 to +5.05 points"
    ]


@pytest.mark.parametrize(
    ("part", "text", "tone"),
    [
        (measure(absolute=0.012, low=-0.004, high=0.02), "no effect found on conversion (−0.40 to +2.00 points)", ""),
        (measure(absolute=-0.01, low=-0.02, high=-0.004), "−1.00 points conversion (−2.00 to −0.40 points)", "bad"),
        (
            measure(absolute=0.03, low=0.01, high=0.05, beside={"shrunken": 0.021, "adjusted_p": 0.01}),
            "+3.00 points conversion (+1.00 to +5.00 points); with luck taken out +2.10 points",
            "good",
        ),
        (
            measure(absolute=0.03, low=0.01, high=0.05, beside={"shrunken": None, "adjusted_p": 0.2}),
            "+3.00 points conversion (+1.00 to +5.00 points); of so many segments, one may look like this by chance",
            "",
        ),
        (measure(reason="only 3 conversions"), "cannot be told: only 3 conversions", ""),
        (measure(absolute=0.03, reason="only 3 conversions"), "cannot be told: only 3 conversions", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_told_from_nothing_is_not_called_an_effect(
    part: dict[str, Any], text: str, tone: str
) -> None:
    (shown,) = list_of(make_campaign(by_segment=part))
    assert (shown.text, shown.tone) == (text, tone)


def test_fewer_churned_is_good() -> None:
    part = measure(absolute=-0.02, low=-0.03, high=-0.01)
    (shown,) = list_of(make_campaign(by_segment=part, primary_metric="churn"))
    assert shown.tone == "good"


def test_every_arm_is_a_line() -> None:
    part = measure(absolute=0.03, low=0.01, high=0.05)
    part["1"]["lift"]["call"] = part["1"]["lift"]["treatment"]
    part["1"]["arms"]["call"] = 0.12
    assert [one.campaign for one in list_of(make_campaign(by_segment=part))] == [
        "Autumn mail (treatment)",
        "Autumn mail (call)",
    ]


@pytest.mark.parametrize(
    ("decision", "counts"),
    [("ship", 1), ("stop", 1), ("inconclusive", 1), ("continue", 0), ("invalid", 0)],
)
def test_only_decided_campaigns_count(decision: str, counts: int) -> None:
    assert len(list_of(make_campaign(decision))) == counts


def test_only_campaigns_that_are_over_count() -> None:
    """One ended early for harm still runs by its plan: its figures are interim ones."""
    window = {"starts_at": "2026-11-08T23:00:00+00:00", "ends_at": "2026-12-08T23:00:00+00:00"}
    running = make_campaign("stop", window=window | {"until": "2026-11-16T23:00:00+00:00"})
    assert list_of(running) == ()
    assert not is_over(running)
    assert not is_over({"window": None})
    over = running | {"window": window | {"until": window["ends_at"]}}
    assert len(list_of(over)) == 1
    assert find_last_day(over, timezone="Europe/Berlin") == date(2026, 12, 8)
    assert find_last_day({}, timezone="UTC") is None


def test_a_segment_takes_only_what_was_found_under_its_own_id() -> None:
    campaign = make_campaign(by_segment=measure("12", absolute=0.03, low=0.01, high=0.05))
    assert len(list_of(campaign, segment_id=12)) == 1
    for other in (1, 2, -12, 0):
        assert list_of(campaign, segment_id=other) == ()


def make_sizes(*counts: float | None) -> pd.DataFrame:
    weeks = pd.date_range("2026-11-16", periods=len(counts), freq="-7D").date[::-1]
    return pd.DataFrame({"as_of": weeks, "segment_id": 1, "customers": counts})


@pytest.mark.parametrize(
    ("counts", "change"),
    [
        ((180, 200), "20 more than the week before"),
        ((200, 180), "20 fewer than the week before"),
        ((200, 200), "as the week before"),
        ((None, 200), ""),
        ((200,), ""),
        ((200, None), ""),
    ],
)
def test_a_size_is_compared_with_the_week_before(counts: tuple[float | None, ...], change: str) -> None:
    assert read_trend(make_sizes(*counts), WORDS, segment_id=1, as_of=date(2026, 11, 16)).change == change


def test_a_trend_is_drawn_from_three_weeks_on_and_told_in_words() -> None:
    day = date(2026, 11, 16)
    assert read_trend(make_sizes(100, 200), WORDS, segment_id=1, as_of=day).points == ""
    trend = read_trend(make_sizes(0, None, 100, 200), WORDS, segment_id=1, as_of=day)
    points = [tuple(map(float, point.split(","))) for point in trend.points.split()]
    assert points == [
        (2, 26),
        (79.3, 14),
        (118, 2),
    ]  # zero at the foot, the largest at the head, a gap a week wide
    assert trend.label.endswith(": 0, 100, 200")
    assert read_trend(make_sizes(1, 2, 3), WORDS, segment_id=2, as_of=day).points == ""
    assert read_trend(pd.DataFrame(), WORDS, segment_id=1, as_of=day).change == ""


def test_a_new_segment_is_compared_with_nothing() -> None:
    sizes = pd.concat([make_sizes(10, 20), make_sizes(50).assign(segment_id=3)])
    assert read_trend(sizes, WORDS, segment_id=3, as_of=date(2026, 11, 16)).change == ""


def test_the_model_in_use_is_told_with_its_own_figures() -> None:
    """This week's challenger was refused: its stability is not that of the model in use."""
    data = make_data()
    promotion = data.summary["promotion"] | {"decision": "keep", "champion_version": "1"}
    promotions = data.promotions.assign(
        decision=["first", "keep"],
        champion_version=["1", "1"],
        reasons=["the first of all", "gain too small"],
    )
    champion = {"algorithm": "hdbscan", "segments": 5, "stability": 0.812, "separation": None, "version": "1"}
    page = render(
        replace(
            data, summary=data.summary | {"promotion": promotion}, promotions=promotions, champion=champion
        )
    )
    since = "9\N{NO-BREAK SPACE}November\N{NO-BREAK SPACE}2026"
    assert (
        f"Version 1, HDBSCAN with 5 segments, has been in use since {since}. "
        "It was chosen then because: The first of all." in page.text
    )
    for shown in (f"since {since}", "0.812", "of the model in use"):
        assert shown in page.text
    assert "K-Means with 2 segments was chosen" in page.text
