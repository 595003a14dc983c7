"""The report's pages: what they say is what they were given, names stay text, nothing comes from outside."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_sample import EVIL, Document, make_campaign, make_data

import monitoring.pages as pages
from monitoring.pages import ReportData, load_pages, render_site
from monitoring.pages.layout import read_assets
from monitoring.pages.layout.tenures import list_tenures
from monitoring.pages.layout.words import load_words

SPACE = "\N{NO-BREAK SPACE}"
WORDS = load_words()
EMPTY = ReportData("Shop", date(2026, 11, 16), "EUR", "", summary={})


@pytest.fixture(scope="module")
def site() -> dict[str, Document]:
    return {name: Document(html) for name, html in render_site(make_data()).items()}


def render_page(name: str, data: ReportData) -> Document:
    return Document(load_pages()[name].render(data))


def render_campaigns(*campaigns: dict[str, Any]) -> Document:
    summary = make_data().summary | {"campaigns": list(campaigns)}
    return render_page("roi", make_data(summary=summary))


def test_pages_stand_in_their_declared_order() -> None:
    assert list(load_pages()) == ["index", "segments", "roi", "drift", "data_health", "audit"]
    html = render_site(make_data())["drift.html"]
    assert re.findall(r'<a href="(\w+)\.html"', html.split("</nav>")[0]) == list(load_pages())
    assert '<a href="drift.html" aria-current="page">' in html


def test_a_page_is_one_file_and_its_text_is_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stock.py").write_text(
        "from monitoring.pages import Page\n"
        "PAGE = Page('stock', 'Stock', lambda data: f'<b>{data.title}</b> has none left')\n"
    )
    (tmp_path / "greeting.html").write_text("<p>Hello {{ name }}</p>")
    (tmp_path / "greeting.py").write_text(
        "from monitoring.pages import Page\n"
        "from monitoring.pages.layout import render_template\n"
        "PAGE = Page('greeting', 'Hello', lambda data: render_template('greeting.html', name=data.title))\n"
    )
    monkeypatch.setattr(pages, "__path__", [*pages.__path__, str(tmp_path)])
    site = render_site(replace(EMPTY, title="<i>Shop</i>"))
    assert "&lt;b&gt;&lt;i&gt;Shop&lt;/i&gt;&lt;/b&gt; has none left" in site["stock.html"]
    assert "<p>Hello &lt;i&gt;Shop&lt;/i&gt;</p>" in site["greeting.html"]
    assert '<a href="stock.html">Stock</a>' in site["index.html"]


def test_names_stay_text(site: dict[str, Document]) -> None:
    campaign = render_campaigns(make_campaign(name=EVIL, sentence=EVIL, campaign_id=EVIL))
    assert campaign.text.count(EVIL) >= 3
    assert EVIL in site["segments.html"].text
    assert EVIL in site["data_health.html"].text
    assert "visits '30' <d>" in site["drift.html"].text
    for page in (campaign, *site.values()):
        sources = [attributes.get("src") for tag, attributes in page.elements if tag == "script"]
        assert {source for source in sources if source} <= {"plotly.min.js", *read_assets()}


def test_nothing_is_loaded_from_elsewhere_and_no_code_or_style_stands_in_the_page(
    site: dict[str, Document],
) -> None:
    own = {*site, *read_assets(), "plotly.min.js"}
    for page in site.values():
        for tag, attributes in page.elements:
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            assert tag not in ("style", "iframe", "object", "embed", "base")
            loaded = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
            assert loaded is None or loaded in own or loaded == "data:,"
    for text in read_assets().values():
        assert "://" not in text
        assert "url(" not in text
        assert "@import" not in text


def test_links_lead_somewhere(site: dict[str, Document]) -> None:
    anchors = {name: {str(a["id"]) for _, a in page.elements if "id" in a} for name, page in site.items()}
    links = [
        (name, str(attributes["href"]))
        for name, page in site.items()
        for tag, attributes in page.elements
        if tag == "a"
    ]
    assert ("index.html", "../2026-11-09/index.html") in links
    assert ("drift.html", "evidently.html") in links
    assert ("roi.html", "#campaign-1") in links
    for name, link in links:
        if link.startswith("../"):
            assert link == "../2026-11-09/index.html"
            continue
        file, _, anchor = link.partition("#")
        assert (file or name) in site
        assert not anchor or anchor in anchors[file or name]


def test_ids_and_table_names_are_unique(site: dict[str, Document]) -> None:
    for page in site.values():
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        names = [attributes["data-name"] for tag, attributes in page.elements if tag == "table"]
        assert len(ids) == len(set(ids))
        assert len(names) == len(set(names))


def test_empty_data_renders_and_says_what_is_missing() -> None:
    site = {name: Document(html) for name, html in render_site(EMPTY).items()}
    assert "evidently.html" not in site
    assert "No campaign with a control group has been measured" in site["roi.html"].text
    assert "No factor was compared this week" in site["drift.html"].text
    assert "There are no segments to show" in site["segments.html"].text
    assert "No models were compared" in site["segments.html"].text
    assert "No source was read this week" in site["data_health.html"].text
    assert "the first week on record" in site["index.html"].text
    for page in site.values():
        assert page.figures == {}
        assert not re.search(r"\b(nan|None|NaT|null|NA)\b", page.text)


def test_the_reason_for_a_missing_part_is_told() -> None:
    summary = {
        "ingest": None,
        "drift": {"decision": None, "reason": "no model was in use yet"},
        "training": {"reason": "only 3 customers"},
        "campaigns": {"reason": "the sources hold no campaigns"},
    }
    site = {name: Document(html) for name, html in render_site(replace(EMPTY, summary=summary)).items()}
    assert "Drift was not checked: no model was in use yet." in site["index.html"].text
    assert "no model was in use yet" in site["drift.html"].text
    assert "only 3 customers" in site["segments.html"].text
    assert "the sources hold no campaigns." in site["roi.html"].text


def test_no_page_shows_a_raw_float_or_a_missing_value(site: dict[str, Document]) -> None:
    for name, page in site.items():
        assert not re.search(r"\d\.\d{4,}", page.text), name
        assert not re.search(r"\b(nan|None|NaT|<NA>|inf)\b", page.text), name


@pytest.mark.parametrize(
    ("page", "table", "heading", "frame", "column"),
    [
        ("segments", "candidates", "Silhouette", "candidates", "silhouette"),
        ("segments", "candidates", "Stability", "candidates", "stability"),
        ("segments", "candidates", "In no segment", "candidates", "outlier_share"),
        ("drift", "drift", "Score", "drift", "score"),
        ("segments", "sizes", "Customers", "profiles", "size"),
        ("segments", "levels", "Share of customers", "levels", "share"),
        ("segments", "migration_streams", "Customers", "migration", "customers"),
        ("data_health", "sources", "Rows in", "sources", "read"),
        ("data_health", "sources", "Set aside", "sources", "quarantined"),
        ("data_health", "quarantine", "Rows", "quarantine", "rows"),
        ("index", "weeks", "Customers", "history", "customers"),
    ],
)
def test_tables_hold_the_exact_numbers(
    site: dict[str, Document], page: str, table: str, heading: str, frame: str, column: str
) -> None:
    shown = [float(value or "nan") for value in site[f"{page}.html"].read_column(table, heading)]
    given = getattr(make_data(), frame)[column].astype(float).tolist()
    assert sorted(map(str, shown)) == sorted(map(str, given))


@pytest.fixture(scope="module")
def numbered() -> ReportData:
    """A week whose segments are numbered as the segmenter does: from 1, outliers 0."""
    return make_data(profiles=make_data().profiles.assign(segment_id=[1, 2, 0]))


def test_segments_show_their_numbers_and_come_largest_first(numbered: ReportData) -> None:
    page = render_page("segments", numbered)
    for shown in ("200", f"57.1{SPACE}%", "€412", "far above average", "bought twice", "continues"):
        assert shown in page.text
    names = [page.text.index(name) for name in (f"Loyal {EVIL}", "Window shoppers", "Unlike any")]
    assert names == sorted(names)
    assert set(page.figures) == {"sizes", "migration", "map_pca", "heatmap", "silhouettes", "levels"}
    points = sum(len(trace["x"]) for trace in page.figures["map_pca"]["data"])
    assert points == 350


def test_every_map_there_is_stands_under_what_it_means(numbered: ReportData) -> None:
    both = {"pca": numbered.maps["pca"], "umap": numbered.maps["pca"], "tsne": pd.DataFrame()}
    page = render_page("segments", replace(numbered, maps=both))
    assert {name for name in page.figures if name.startswith("map_")} == {"map_pca", "map_umap"}
    assert "principal components" in page.text
    assert "how far groups lie from each other does not" in page.text


def test_the_fit_of_each_segment_is_a_row(numbered: ReportData) -> None:
    page = render_page("segments", numbered)
    assert page.read_column("fits", "Segment") == [f"Loyal {EVIL}", "Window shoppers"]
    assert [float(value) for value in page.read_column("fits", "Mean silhouette")] == pytest.approx(
        [0.5, (43 * -0.25 + 100 * 0.125) / 143]
    )
    assert page.read_shown("fits", "Nearer to another") == [f"0{SPACE}%", f"30.1{SPACE}%"]


def test_who_moved_is_told_and_laid_to_customers_or_model(numbered: ReportData) -> None:
    page = render_page("segments", numbered)
    assert (
        f"Of 330 customers known since the week to 9{SPACE}November{SPACE}2026, 13.3{SPACE}% are in another segment "
        f"now. What they did moved 6.06{SPACE}%, the new model 9.09{SPACE}%; whom both moved counts for both. "
        "20 joined and 5 left."
    ) in page.text
    assert f"24 customers went from Window shoppers to Loyal {EVIL}: by the new model." in page.text
    assert page.read_column("migration_matrix", "From") == [
        f"Loyal {EVIL}", "Window shoppers", "Regulars", "Joined",
    ]  # fmt: skip
    assert page.read_column("migration_matrix", f"to Loyal {EVIL}") == ["160", "24", "20", "0"]
    assert page.read_column("migration_matrix", "to Window shoppers") == ["0", "126", "0", "20"]
    assert page.read_column("migration_matrix", "Left") == ["5", "0", "0", "0"]
    assert page.read_shown("migration_matrix", "Left") == ["5", "", "", ""]


def test_where_the_model_stayed_nobody_speaks_of_it(numbered: ReportData) -> None:
    told = numbered.summary["migration"] | {"after_version": "1"}
    page = render_page("segments", replace(numbered, summary=numbered.summary | {"migration": told}))
    assert f"13.3{SPACE}% are in another segment now. 20 joined" in page.text
    assert [heading for _, heading in page.tables["migration_streams"][0]] == ["Was in", "Is in", "Customers"]
    assert len(page.figures["migration"]["layout"]["annotations"]) == 2
    assert "old model" not in page.text


def test_weeks_that_were_not_compared_leave_no_gap(numbered: ReportData) -> None:
    alone = replace(numbered, migration=pd.DataFrame(), summary=numbered.summary | {"migration": None})
    page = render_page("segments", alone)
    assert "migration" not in page.figures
    assert "Who moved" not in page.text


def test_an_algorithm_nobody_named_is_shown_as_it_is() -> None:
    page = render_page("segments", make_data(algorithms={"kmeans": "K-Means"}))
    assert page.read_shown("candidates", "Algorithm") == ["K-Means", "hdbscan"]


def test_outliers_come_last_however_many_they_are(numbered: ReportData) -> None:
    for ids in ([1, 2, 0], [1, 0, -1]):
        many = numbered.profiles.assign(size=[90, 220, 200], segment_id=ids)
        page = render_page("segments", replace(numbered, profiles=many))
        expected = [f"Loyal {EVIL}", "Window shoppers", "Unlike any"]
        expected = expected if ids[1] <= 0 else [expected[1], expected[0], expected[2]]
        assert page.read_column("sizes", "Segment") == expected
        places = [page.text.index(name) for name in expected]
        assert places == sorted(places)


def test_why_the_model_was_chosen_is_told(site: dict[str, Document]) -> None:
    text = site["segments.html"].text
    assert (
        "2 candidates were compared and 1 met every requirement; K-Means with 2 segments was chosen." in text
    )
    assert "Highest score. A new model has taken over: stability rose." in text


def test_the_audit_tells_who_was_in_production_when(site: dict[str, Document]) -> None:
    page = site["audit.html"]
    assert page.read_shown("promotions", "Decision") == ["New model", "Kept"]
    assert page.read_shown("promotions", "In use before") == ["1", "1"]
    assert page.read_shown("promotions", "In use after") == ["3", "1"]
    assert page.read_shown("tenures", "Version") == ["3", "1"]
    assert page.read_shown("tenures", "Until") == ["today", f"16{SPACE}November{SPACE}2026"]
    assert page.read_shown("runs", "Run") == ["r-2", "r-1"]
    assert page.read_shown("runs", "Versions of tables") == ["events 5, segments 2", "events 4, segments 1"]


def test_a_rollback_ends_a_term() -> None:
    days = pd.to_datetime(["2026-11-02", "2026-11-09", "2026-11-10", "2026-11-16"], utc=True)
    promotions = pd.DataFrame(
        {
            "decided_at": days, "as_of": days.date, "decision": ["first", "promote", "rollback", "keep"],
            "champion_version": ["1", "2", "1", "1"],
        }
    )  # fmt: skip
    found = list_tenures(promotions.sample(frac=1, random_state=1))
    assert found["version"].tolist() == ["1", "2", "1"]
    assert found["since"].tolist() == [days[2], days[1], days[0]]
    assert found["until"].tolist()[1:] == [days[2], days[1]]
    assert pd.isna(found["until"].iloc[0])
    assert found["weeks"].tolist() == [2, 1, 1]


def test_a_table_of_every_factor_stands_behind_the_heatmap(site: dict[str, Document]) -> None:
    shown = site["segments.html"].read_column("segment_factors", "Window shoppers")
    given = list(make_data().heatmap.loc["Window shoppers"])
    assert [float(value) for value in shown] == pytest.approx(given, rel=1e-11)


def test_the_week_in_five_sentences(site: dict[str, Document]) -> None:
    text = site["index.html"].text
    assert f"1,000 rows came in: 900 new, 40 already known, 60 (6.00{SPACE}%) set aside" in text
    assert "See why so many rows could not be used." in text
    assert "Behaviour has begun to change. 1 factor moved: discount share." in text
    assert f"350 customers fall into 2 segments; the largest is Loyal {EVIL} (57.1{SPACE}%)" in text
    assert "A new model has taken over: stability rose." in text
    assert "Repeat: Autumn mail worked: conversion was better." in text
    assert text.count("20 more than the week before") == 1
    assert sum(tag == "li" for tag, _ in site["index.html"].elements) == 5


def test_the_most_urgent_campaign_leads() -> None:
    campaigns = [
        make_campaign("ship"),
        make_campaign("invalid", name="Broken"),
        make_campaign("stop", name="Bad"),
    ]
    summary = make_data().summary | {"campaigns": campaigns}
    text = render_page("index", make_data(summary=summary)).text
    assert (
        "3 campaigns measured against their control groups. Do not trust: Broken; stop: Bad; repeat: Autumn"
        in text
    )
    assert "decide nothing on these figures" in text


@pytest.mark.parametrize(
    ("decision", "word"),
    [
        ("ship", "Repeat"),
        ("stop", "Stop"),
        ("continue", "Wait"),
        ("inconclusive", "Cannot tell"),
        ("invalid", "Do not trust"),
    ],
)
def test_decisions_are_plain_words_and_only_an_invalid_one_raises_the_alarm(decision: str, word: str) -> None:
    page = render_campaigns(make_campaign(decision))
    assert page.read_column("campaigns", "Decision") == [word]
    alarms = [a for _, a in page.elements if a.get("role") == "alert"]
    assert bool(alarms) == (decision == "invalid")


def test_kpis_stand_side_by_side_with_interval_or_reason() -> None:
    page = render_campaigns(make_campaign())
    table = "campaign_1_kpis"
    assert page.read_column(table, "KPI")[:6] == ["conversion", "cac", "aov", "churn", "ltv", "roi"]
    shown = {
        heading: page.read_shown(table, heading) for heading in ("Control", "Treatment", "Added", "Remark")
    }
    assert [column[0] for column in shown.values()] == [f"9.12{SPACE}%", f"12.05{SPACE}%", "+2.93 points", ""]
    assert [column[1] for column in shown.values()][:3] == ["–", "€14.20", "€41.12 each"]
    interval = f"95{SPACE}% interval"
    assert page.read_shown(table, interval)[:2] == ["+0.81 to +5.05 points", "at least €23.90"]
    assert page.read_column(table, interval)[0] == "0.0081..0.0505"
    assert shown["Remark"][2:5] == ["not measured", "60 days have not passed", "not measured"]
    assert page.read_column(table, "p-value")[0] == "0.0067"


def test_a_campaign_tells_who_when_and_for_how_much() -> None:
    text = render_campaigns(make_campaign()).text
    assert f"12{SPACE}October{SPACE}2026 to 8{SPACE}November{SPACE}2026" in text
    for shown in ("801", "3,204", "€1,204", "Passed", "the split is as planned"):
        assert shown in text


def test_the_forest_plot_holds_the_relative_lift() -> None:
    page = render_campaigns(make_campaign(), make_campaign(name="No lift", metrics={}))
    *lines, dots = page.figures["campaigns"]["data"]
    assert [line["x"] for line in lines] == [[8.9, 55.3]]
    assert dots["x"] == [32.1]
    assert "1 row without a relative interval cannot be drawn." in page.text


def test_segment_results_take_the_segments_names() -> None:
    page = render_campaigns(make_campaign())
    assert page.read_column("campaign_1_segments", "Segment") == [f"Loyal {EVIL}"]
    assert page.read_column("campaign_1_segments", "Customers") == ["400"]
    own = make_campaign()
    own["by_segment"]["1"]["segment_name"] = "As it was then"
    assert render_campaigns(own).read_column("campaign_1_segments", "Segment") == ["As it was then"]


def test_every_arm_has_its_row() -> None:
    campaign = make_campaign()
    conversion = campaign["metrics"]["conversion"]
    conversion["arms"]["second"] = 0.1
    conversion["lift"]["second"] = conversion["lift"]["treatment"]
    page = render_campaigns(campaign)
    assert page.read_column("campaign_1_kpis", "Group")[:2] == ["treatment", "second"]
    assert len(page.figures["campaigns"]["data"]) == 3


def test_the_drift_verdict_tells_since_when_and_what_moved(site: dict[str, Document]) -> None:
    text = site["drift.html"].text
    assert "Watch. Behaviour has begun to change." in text
    assert f"The verdict has stood since the week to 9{SPACE}November{SPACE}2026." in text
    assert "1 of 3 factors moved past the limit: discount share." in text
    assert site["drift.html"].read_column("drift", "Factor")[0] == "discount_share"


def test_an_unknown_decision_is_shown_as_it_is() -> None:
    summary = make_data().summary | {"drift": {"decision": "half_way"}}
    assert "Half way." in render_page("drift", make_data(summary=summary)).text


def test_data_health_names_the_main_reason(site: dict[str, Document]) -> None:
    page = site["data_health.html"]
    assert "could not be used; most often: kind: unknown (50 rows)." in page.text
    assert page.read_column("quarantine", "Reason") == ["kind: unknown", "value: below 0"]
    assert len(page.read_shown("quarantine", "One of them")[0]) < 200
    assert page.read_column("quarantine", "One of them")[0] == "x" * 400


def test_pages_stay_light_with_many_customers_and_campaigns() -> None:
    rng = np.random.default_rng(1)
    points = pd.DataFrame(rng.normal(size=(3000, 2)), columns=["x", "y"]).assign(
        segment_name="Window shoppers"
    )
    heatmap = pd.DataFrame(rng.normal(size=(10, 80))).add_prefix("factor_")
    campaigns = [make_campaign(campaign_id=f"c{number}") for number in range(20)]
    summary = make_data().summary | {"campaigns": campaigns}
    for name, html in render_site(
        make_data(maps=dict.fromkeys(("pca", "tsne", "umap"), points), heatmap=heatmap, summary=summary)
    ).items():
        assert len(html.encode()) < 1_000_000, name


def test_pages_are_the_same_for_the_same_data() -> None:
    assert render_site(make_data()) == render_site(make_data())


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (WORDS.format_number(0), "0"),
        (WORDS.format_number(0.0412), "0.041"),
        (WORDS.format_number(12.345), "12.3"),
        (WORDS.format_number(45120.4), "45,120"),
        (WORDS.format_number(-3.2), "−3.20"),
        (WORDS.format_number(1e-6), f"≈{SPACE}0"),
        (WORDS.format_number(float("nan")), "–"),
        (WORDS.format_number(None), "–"),
        (WORDS.format_share(0), f"0{SPACE}%"),
        (WORDS.format_share(0.0057), f"0.57{SPACE}%"),
        (WORDS.format_share(0.342), f"34.2{SPACE}%"),
        (WORDS.format_share(1), f"100{SPACE}%"),
        (WORDS.format_money(12.4), "€12.40"),
        (WORDS.format_money(45120), "€45,120"),
        (WORDS.format_money(-3), "−€3.00"),
        (load_words(currency="CHF").format_money(310), f"CHF{SPACE}310"),
        (WORDS.format_value(0.1205, "share"), f"12.05{SPACE}%"),
        (WORDS.format_change(0.0293, "share"), "+2.93 points"),
        (WORDS.format_change(-2.5, "money"), "−€2.50"),
        (WORDS.format_change(0, "money"), "±€0.00"),
        (WORDS.format_p_value(0.0004), "< 0.001"),
        (WORDS.format_p_value(0.04321), "0.043"),
        (WORDS.format_p_value(None), "–"),
        (WORDS.format_date("2026-11-16"), f"16{SPACE}November{SPACE}2026"),
        (WORDS.format_date("some day"), "some day"),
        (WORDS.format_interval(1, 2, WORDS.format_number), "1.00 to 2.00"),
        (WORDS.format_interval(1, None, WORDS.format_number), "at least 1.00"),
        (WORDS.format_interval(None, 2, WORDS.format_number), "at most 2.00"),
        (WORDS.format_interval(None, None, WORDS.format_number), "–"),
        (WORDS.join([]), ""),
        (WORDS.join(["a", "b"]), "a and b"),
        (WORDS.join("abcde"), "a, b, c and 2 more"),
    ],
)
def test_figures_are_written_for_people(written: str, expected: str) -> None:
    assert written == expected


def test_a_reason_of_drift_names_its_factor_in_words() -> None:
    drift = make_data().summary["drift"] | {
        "reasons": ["discount_share: mean 0.07 → 0.09", "note: all is calm"]
    }
    page = Document(load_pages()["drift"].render(make_data(summary=make_data().summary | {"drift": drift})))
    assert "Discount share: mean 0.07 → 0.09." in page.text
    assert "Note: all is calm." in page.text


def test_the_week_tells_the_reason_that_decided_about_the_model() -> None:
    promotion = {"decision": "keep", "reasons": ["the gain is too small", "7 segments (at least 2)"]}
    data = make_data(summary=make_data().summary | {"promotion": promotion})
    text = Document(load_pages()["index"].render(data)).text
    assert "the gain is too small." in text
    assert "7 segments" not in text


def test_data_health_counts_customers_who_were_joined() -> None:
    page = Document(load_pages()["data_health"].render(make_data()))
    assert "customers who turned out to be one known already" in page.text
