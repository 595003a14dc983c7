"""Nothing of a small group but its name is in the pages, wherever its figures would have stood."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_sample import Document, make_campaign, make_data, make_metric

from monitoring.migration_suppression import suppress_flows
from monitoring.pages import ReportData, load_pages, render_site
from monitoring.suppression import suppress_small_groups

SPACE = "\N{NO-BREAK SPACE}"
SHRUNKEN = ("shrunken", "shrunken_low", "shrunken_high", "adjusted_p")
NAMES = {1: "Crowd", 2: "Regulars", 3: "Guests", 4: "Handful"}
# Each stands once in the data, all of it figures of the few.
PLANTED = (
    "73.19",
    "0.0731",
    "bought 7319 times",
    "far above 7319",
    "−7.3",
    "7.319",
    "31.97",
    "0.3197",
    "5531",
    "0.5531",
)


def make_week(few: int = 9, **fields: Any) -> ReportData:
    """Four segments of which the last has `few` people, with figures planted that are its own alone."""
    sizes = [3000, 900, 400, few]
    names = list(NAMES.values())
    rng = np.random.default_rng(3)
    drawn = pd.DataFrame(rng.normal(size=(sum(sizes) // 10 + few, 2)), columns=["x", "y"])
    whose = np.repeat(names, [300, 90, 40, len(drawn) - 430])
    drawn.loc[whose == "Handful", ["x", "y"]] = 7.319
    profiles = pd.DataFrame(
        {
            "segment_id": list(NAMES),
            "segment_name": names,
            "size": sizes,
            "share": [0.6963, 0.2089, 0.0928, 0.0731],
            "value": [40.0, 20.0, 10.0, 73.19],
            "rule": ["", "", "", "bought 7319 times"],
            "reasons": [[], [], [], [("discount_share", "far above 7319")]],
            "lineage": ["kept"] * 4,
        }
    )
    summary = make_data().summary | {
        "customers": sum(sizes),
        "campaigns": [make_campaign()],
        "migration": None,
    }
    data = make_data(
        summary=summary,
        profiles=profiles,
        migration=pd.DataFrame(),
        maps={"pca": drawn.assign(segment_name=whose, strength=0.5)},
        silhouettes=pd.DataFrame(
            {"segment_name": whose, "silhouette": np.where(whose == "Handful", -0.7319, 0.25)}
        ),
        levels=pd.DataFrame(),
        heatmap=pd.DataFrame({"visits": [0.1, 0.2, 0.3, -7.319]}, index=names),
        sizes=pd.DataFrame(columns=["as_of", "segment_id", "customers"]),
        smallest_group=10,
    )
    return replace(data, **fields)


def show_segments(data: ReportData) -> Document:
    """The Segments page alone."""
    return Document(
        load_pages()["segments"].render(suppress_small_groups(data, smallest=data.smallest_group))
    )


def render(data: ReportData) -> tuple[str, dict[str, Document]]:
    """All pages as one text, and each taken apart."""
    site = {name: html for name, html in render_site(data).items() if name != "evidently.html"}
    return "\n".join(site.values()), {name: Document(html) for name, html in site.items()}


@pytest.mark.parametrize("few", [9, 10, 11])
def test_a_segment_is_shown_from_ten_people_on(few: int) -> None:
    text, pages = render(make_week(few))
    cards = pages["segments.html"].text
    assert "Handful" in cards
    assert ("fewer than 10" in cards) == (few < 10)
    for planted in PLANTED[:6]:
        assert (planted in text) == (few >= 10), planted
    sizes = dict(
        zip(*(pages["segments.html"].read_column("sizes", h) for h in ("Segment", "Customers")), strict=True)
    )
    assert sizes["Handful"] == ("fewer than 10" if few < 10 else str(few))
    # The total and the others' sizes would give it away.
    assert sizes["Guests"] == ("not shown" if few < 10 else "400")
    assert sizes["Regulars"] == "900"


def test_the_threshold_is_the_owners() -> None:
    text, _ = render(make_week(9, smallest_group=1))
    assert "73.19" in text
    assert "fewer than" not in text
    text, _ = render(make_week(24, smallest_group=25))
    assert "73.19" not in text
    assert "fewer than 25" in text


def test_the_next_smallest_keeps_what_tells_no_size() -> None:
    page = show_segments(make_week(9))
    assert page.read_shown("sizes", "Revenue each")[-2:] == ["€10.00", "–"]
    assert page.read_shown("sizes", "Share of customers")[-2:] == ["–", "–"]
    assert "Guests" not in page.read_column("fits", "Segment")
    assert "So that their size does not follow by subtraction" in page.text


def test_a_campaign_with_an_arm_of_a_few_is_shown_without_figures() -> None:
    planted = make_metric(0.3197, 0.5531, absolute=0.2334, low=0.1, high=0.4, relative=0.7, p_value=0.01)
    for few, shown in ((9, False), (10, True)):
        campaign = make_campaign(
            customers={"control": few, "treatment": 5531}, channel="letter",
            metrics={"conversion": planted}, by_segment={}, sentence="It was 31.97 % in control.",
            costs={"control": None, "treatment": 5531.0},
        )  # fmt: skip
        returns = {
            "by_channel": [make_return("letter", 5531.0), make_return("email", 812.0)],
            "by_quarter": [make_return("2026-Q4", 5531.0, key="quarter")],
        }
        summary = make_week().summary | {"campaigns": [campaign], "returns": returns}
        text, pages = render(make_week(100, summary=summary))
        for figure in ("31.97", "0.3197", "5531", "5,531", "0.5531", "55.31", "0.2334", "23.34"):
            assert (figure in text) == shown, figure
        assert ("fewer than 10 people are in control" in pages["roi.html"].text) != shown
        assert pages["roi.html"].read_column("by_channel", "Margin gained") == [
            "5531" if shown else "",
            "812",
        ]


def make_return(name: str, margin: float, *, key: str = "channel") -> dict[str, Any]:
    figures = {"margin": margin, "margin_low": margin, "margin_high": margin, "cost": 1.0}
    return {key: name, "campaigns": 1, **figures, "profit": margin, "roi": margin}


def test_a_campaigns_segment_of_a_few_is_hidden_with_the_next() -> None:
    planted = make_metric(0.3197, 0.5531, absolute=0.2334, low=0.1, high=0.4)
    plain = make_metric(0.1, 0.2, absolute=0.1, low=0.05, high=0.15)
    campaign = make_campaign(
        by_segment={
            "1": {"customers": {"control": 500, "treatment": 600}, **plain},
            "3": {"customers": {"control": 60, "treatment": 70}, **plain},
            "4": {
                "customers": {"control": 9, "treatment": 5531}, **planted,
                "beside_others": {"treatment": dict.fromkeys(SHRUNKEN, 0.3197)},
            },
        },
        returns=[{"segment_id": 4, "arm": "treatment", "margin": 5531.0}],
    )  # fmt: skip
    text, pages = render(make_week(100, summary=make_week().summary | {"campaigns": [campaign]}))
    for figure in ("0.3197", "31.97", "5531", "5,531", "5,540", "0.5531", "55.31", "0.2334", "23.34"):
        assert figure not in text, figure
    page = pages["roi.html"]
    assert page.read_column("campaign_1_segments", "Segment") == ["Crowd", "Guests", "Handful"]
    assert page.read_column("campaign_1_segments", "Customers") == ["1100", "", ""]
    assert "fewer than 10 people are in an arm" in page.read_shown("campaign_1_segments", "Remark")[2]
    assert "fewer than 10 people" in pages["segments.html"].text


def test_a_check_tells_no_few_customers() -> None:
    sentences = [
        "4 customers (0.1%) were in two arms and are left out",
        "7 of 4,005 customers drawn (0.2%) have been erased or merged since and count no more",
        "14 customers (0.3%) were in two arms and are left out",
    ]
    checks = [{"name": "overlap", "passed": True, "sentence": sentence} for sentence in sentences]
    shown = suppress_small_groups(
        make_week(summary={"campaigns": [make_campaign(checks=checks)]}), smallest=10
    )
    assert [check["sentence"] for check in shown.summary["campaigns"][0]["checks"]] == [
        "fewer than 10 customers were in two arms and are left out",
        "fewer than 10 customers drawn have been erased or merged since and count no more",
        sentences[2],
    ]


def make_flows(*paths: tuple[str | None, str | None, int], model_changed: bool = False) -> pd.DataFrame:
    rows = [
        {"before_name": before, "between_name": None if model_changed and after is None else after,
         "after_name": after, "customers": customers}
        for before, after, customers in paths
    ]  # fmt: skip
    return pd.DataFrame(rows)


def move(flows: pd.DataFrame, *sentences: str, **told: Any) -> ReportData:
    """A week in which customers went these ways and no segment is small."""
    movement = {
        "previous_as_of": "2026-11-09", "before_version": "1", "after_version": "1", "common": 4000,
        "joined": 60, "left": 50, "moved": 0.1, "moved_by_customers": 0.1, "moved_by_model": 0.0,
        "sentences": list(sentences),
    }  # fmt: skip
    summary = make_week().summary | {"migration": movement | told}
    return make_week(100, summary=summary, migration=flows)


def test_paths_of_a_few_are_left_out_of_streams_tables_and_sentences() -> None:
    flows = make_flows(
        ("Crowd", "Crowd", 2900), ("Regulars", "Regulars", 800), ("Guests", "Guests", 350),
        ("Handful", "Handful", 90), ("Crowd", "Regulars", 77), ("Regulars", "Crowd", 9), ("Crowd", "Guests", 8),
        (None, "Crowd", 60), ("Guests", None, 50),
    )  # fmt: skip
    kept = "77 customers went from Crowd to Regulars."
    page = show_segments(move(flows, kept, "9 customers went from Regulars to Crowd."))
    assert sorted(map(int, page.read_column("migration_streams", "Customers"))) == [
        50,
        60,
        77,
        90,
        350,
        800,
        2900,
    ]
    assert kept in page.text
    assert "9 customers went" not in page.text
    assert "Streams of fewer than 10 customers are left out" in page.text


def test_a_path_that_would_follow_takes_the_next_smallest_along() -> None:
    """Everybody went everywhere, so a segment's size less its streams is the one path that is missing."""
    names = list(NAMES.values())
    flows = make_flows(
        *((before, after, 100 + 40 * place + 7 * other)
          for place, before in enumerate(names) for other, after in enumerate(names))
    )  # fmt: skip
    assert suppress_flows(flows, hidden=(), smallest=10).equals(flows)
    flows.loc[flows.index[6], "customers"] = 9
    table = suppress_flows(flows, hidden=(), smallest=10).pivot_table(
        index="before_name", columns="after_name", values="customers"
    )
    missing = table.isna()
    assert missing.loc["Regulars", "Guests"]
    assert missing.to_numpy().sum() == 4
    for axis in (0, 1):
        assert set(missing.sum(axis=axis)) == {0, 2}


def test_of_two_segments_one_path_of_a_few_tells_all_others() -> None:
    flows = make_flows(
        ("Crowd", "Crowd", 2900),
        ("Regulars", "Regulars", 800),
        ("Crowd", "Regulars", 77),
        ("Regulars", "Crowd", 9),
    )
    assert suppress_flows(flows, hidden=(), smallest=10).empty
    assert "Who moved" not in show_segments(move(flows)).text


def test_a_sentence_goes_with_a_path_of_its_causes() -> None:
    flows = pd.DataFrame(
        {
            "before_name": ["Crowd", "Crowd", "Regulars", "Guests"],
            "between_name": ["Regulars", "Crowd", "Regulars", "Guests"],
            "after_name": ["Regulars", "Regulars", "Regulars", "Guests"],
            "customers": [40, 4, 800, 400],
        }
    )
    told = "44 customers went from Crowd to Regulars: 40 by what they did and 4 by the new model."
    assert told not in show_segments(move(flows, told, after_version="2")).text


@pytest.mark.parametrize("left", [9, 10])
def test_few_who_left_are_not_counted(left: int) -> None:
    flows = make_flows(("Crowd", "Crowd", 2900), ("Regulars", "Regulars", 800), ("Guests", "Regulars", 50))
    text = show_segments(move(flows, left=left)).text
    assert (f"and {left} left" in text) == (left >= 10)
    assert ("4,000 customers" in text) == (left >= 10)
    assert ("So few joined or left" in text) == (left < 10)


def test_a_share_of_a_few_who_moved_is_not_told() -> None:
    flows = make_flows(("Crowd", "Crowd", 2900), ("Regulars", "Regulars", 800))
    assert "some are in another segment now" in show_segments(move(flows, moved=0.002)).text


def test_a_tree_is_not_cut_finer_where_a_part_would_be_small() -> None:
    levels = pd.DataFrame(
        {
            "level": [2, 2, 4, 4, 4, 4],
            "segment": [1, 2, 1, 2, 3, 4],
            "parent": [None, None, 1, 1, 2, 2],
            "name": ["Left", "Right", "Left low", "Left high", "Right many", "Right few"],
            "share": [0.6, 0.4, 0.35, 0.25, 0.39, 0.01],
        }
    )
    page = show_segments(make_week(100, levels=levels))
    assert page.read_column("levels", "Segment") == [
        "Left",
        "Right",
        "Left low",
        "Left high",
    ]


def test_weeks_in_which_a_segment_was_small_are_not_drawn() -> None:
    days = pd.to_datetime(["2026-10-26", "2026-11-02", "2026-11-09", "2026-11-16"]).date
    sizes = pd.DataFrame(
        {
            "as_of": np.repeat(days, 4),
            "segment_id": [1, 2, 3, 4] * 4,
            "customers": [2900, 880, 390, 71, 2900, 870, 391, 8, 2900, 890, 392, 73, 3000, 900, 400, 74],
        }
    )
    _, pages = render(make_week(74, sizes=sizes))
    trends = [
        str(a["aria-label"]) for tag, a in pages["segments.html"].elements if "trend" in str(a.get("class"))
    ]
    assert trends[0].endswith(": 2,900, 2,900, 2,900, 3,000")
    assert trends[-1].endswith(": 71, 73, 74")
    assert trends[-2].endswith(": 390, 392, 400")


def test_the_size_of_those_in_no_segment_is_told_nowhere() -> None:
    week = make_week(9)
    profiles = week.profiles.assign(segment_id=[1, 2, 3, 0])
    reasons = ["customers in no segment: 0.21 % (at most 25.00 %)", "stability 0.950 (at least 0.750)"]
    summary = week.summary | {
        "training": week.summary["training"] | {"outlier_share": 0.0021},
        "promotion": week.summary["promotion"] | {"reasons": reasons},
    }
    candidates = week.candidates.assign(outlier_share=[0.0021, 0.21], smallest_share=[0.0021, 0.4])
    week = replace(week, profiles=profiles, summary=summary, candidates=candidates, maps={})
    text, pages = render(week)
    for told in ("0.21 %", f"0.21{SPACE}%", "0.0021"):
        assert told not in text
    assert "stability 0.950" in pages["segments.html"].text


def test_shares_of_many_are_told_in_reasons() -> None:
    reasons = [
        "the smallest segment holds 2.00 % (at least 1.00 %)",
        "customers in no segment: 0.10 % (at most 25.00 %)",
    ]
    week = make_week(100)
    week = replace(week, summary=week.summary | {"promotion": {"decision": "keep", "reasons": reasons}})
    assert suppress_small_groups(week, smallest=10).summary["promotion"]["reasons"] == [
        reasons[0],
        "customers in no segment: a share that is not shown (at most 25.00 %)",
    ]


def test_what_is_given_is_left_as_it_was() -> None:
    week = make_week(9)
    before = week.profiles.copy()
    render_site(week)
    pd.testing.assert_frame_equal(week.profiles, before)
    assert week.summary["campaigns"][0]["metrics"]
    assert suppress_small_groups(week, smallest=1).profiles is week.profiles
