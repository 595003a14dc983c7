"""The report site in every language: no English is left in it, and its figures are the same."""

import json
import re
from datetime import date

import pandas as pd
import pytest
from report_sample import EVIL, Document, make_campaign, make_data, make_metric

from monitoring.pages import ReportData, load_pages, render_site
from monitoring.pages.layout import ASSETS
from monitoring.pages.layout.words import load_words

OTHERS = ["de", "ru", "zh"]
SPACE = "\N{NO-BREAK SPACE}"
CHECKS = [
    {"name": "window", "passed": True, "sentence": "it runs from 2026-10-12 to 2026-11-08"},
    {"name": "arms", "passed": True, "sentence": "2 arms"},
    {
        "name": "sample_ratio",
        "passed": False,
        "sentence": "16.2% of customers are in control where 20.0% were planned, which is not chance (p = 1.2e-05)",
    },
    {"name": "overlaps", "passed": None, "sentence": "customers in two arms were left out, not counted"},
]
SENTENCE = (
    "Autumn mail worked: conversion was 9.12 % in control and 12.05 % in treatment (+2.93 points, 95 % interval +0.81 "
    "to +5.05: better)."
)
REASONS = (
    "the challenger is not clearly better: gain in separation +0.004, lower bound -0.012, 0.020 could have been "
    "noticed (at least 0.010, bound above 0)",
    "the smallest segment holds 4.10 % (at least 1.00 %)",
)
KEY_PHRASES = (
    "This week", "Week to", "Skip to", "came in", "factor", "moved", "fall into", "the largest", "The model",
    "Nothing to do", "Customers", "Campaign", "In numbers", "Past weeks", "Repeat", "Do not trust", "worked", "better",
    "control", "treatment", "interval", "points", "Passed", "Failed", "Not checked", "Added", "Relative", "p-value",
    "Remark", "not measured", "Cost", "each", "at least", "planned", "chance", "challenger", "separation", "Everybody",
    "Margin", "Profit", "Channel", "Quarter", "What ", "would", "row", "set aside", "Decision", " to ",
    " and ", " the ",
)  # fmt: skip


def make_week(language: str, **fields: object) -> ReportData:
    """A week whose campaigns, checks and reasons are worded as the program words them."""
    churn = make_metric(None, None, "churn is known 60 days after the campaign's end, on 2027-01-08")
    campaign = make_campaign(sentence=SENTENCE, checks=CHECKS)
    campaign["metrics"]["churn"] = churn
    bad = make_campaign(
        "invalid", name="Winter", sentence=f"Winter cannot be judged: {CHECKS[2]['sentence']}."
    )
    bad |= {"metrics": campaign["metrics"], "checks": CHECKS}
    summary = make_data().summary | {
        "campaigns": [campaign, bad],
        "promotion": {"decision": "keep", "reasons": list(REASONS), "champion_version": "2"},
        "drift": {
            "decision": "watch",
            "drifted": ["Zeta"],
            "reasons": ["2 of 40 factors drifted (5%), fewer than 10%"],
        },
    }
    own = {
        "profiles": make_data().profiles.assign(segment_name=["Alpha", "Beta", "Gamma"]),
        "generated_note": load_words(language).gettext(
            "Model version {version}, run {run}.", version="2", run="r-7"
        ),
    }
    return make_data(**({"language": language, "summary": summary} | own | fields))


@pytest.fixture(scope="module")
def sites() -> dict[str, dict[str, Document]]:
    return {
        language: {name: Document(html) for name, html in render_site(make_week(language)).items()}
        for language in ("en", *OTHERS)
    }


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("page", ["index.html", "roi.html"])
def test_no_english_is_left(sites: dict[str, dict[str, Document]], language: str, page: str) -> None:
    shown = sites[language][page]
    labels = [str(a[name]) for _, a in shown.elements for name in ("aria-label",) if name in a]
    text = " ".join([shown.text, *labels]).replace("Autumn mail", "")
    assert _find(text) == []
    english = sites["en"][page].text
    assert len(_find(english)) >= 15, "the phrases are those of the page"


def _find(text: str) -> list[str]:
    return [phrase for phrase in KEY_PHRASES if re.search(rf"(?<!\w){re.escape(phrase.strip())}(?!\w)", text)]


@pytest.mark.parametrize("language", OTHERS)
def test_the_frame_of_every_page_speaks_the_language(
    sites: dict[str, dict[str, Document]], language: str
) -> None:
    titles = {load_words(language).gettext(page.title) for page in load_pages().values()}
    for name, page in sites[language].items():
        if name == "evidently.html":
            continue
        assert ("html", {"lang": language}) in page.elements
        assert [title for title in titles if title not in page.text] == []
        assert "Skip to the content" not in page.text


def test_figures_are_the_same_in_every_language(sites: dict[str, dict[str, Document]]) -> None:
    english = sites["en"]
    for language in OTHERS:
        for name, page in sites[language].items():
            for table, rows in english[name].tables.items():
                told = page.tables[table]
                assert len(told) == len(rows)
                numbers = [
                    (value, other)
                    for row, same in zip(rows[1:], told[1:], strict=True)
                    for (value, _), (other, _) in zip(row, same, strict=True)
                    if re.fullmatch(r"-?[\d.]+(e-?\d+)?", value)
                ]
                assert [value for value, _ in numbers] == [other for _, other in numbers], (language, table)
            drawn, expected = (
                {key: [trace.get("x") for trace in one["data"]] for key, one in site.figures.items()}
                for site in (page, english[name])
            )
            assert drawn == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("de", ("1.234,5", f"12,50{SPACE}€", f"34,2{SPACE}%", f"16.{SPACE}November{SPACE}2026", "a, b und c",
                "+2,93 Prozentpunkte", "+0,81 bis +5,05 Prozentpunkte", "< 0,001")),
        ("ru", (f"1{SPACE}234,5", f"12,50{SPACE}€", f"34,2{SPACE}%", f"16{SPACE}ноября{SPACE}2026\u202fг.", "a, b и c",
                "+2,93 п. п.", "от +0,81 до +5,05 п. п.", "< 0,001")),
        ("zh", ("1,234.5", "€12.50", "34.2%", "2026年11月16日", "a、b和c",
                "+2.93 个百分点", "+0.81 至 +5.05 个百分点", "< 0.001")),
    ],
)  # fmt: skip
def test_figures_and_dates_are_written_as_the_language_does(language: str, expected: tuple[str, ...]) -> None:
    words = load_words(language, currency="EUR")
    assert (
        words.format_decimals(1234.5, 1), words.format_money(12.5), words.format_share(0.342),
        words.format_date(date(2026, 11, 16)), words.join("abc"), words.format_change(0.0293, "share"),
        words.format_change_interval(0.0081, 0.0505, "share"), words.format_p_value(0.0004),
    ) == expected  # fmt: skip
    for missing in (None, float("nan"), pd.NA, pd.NaT):
        assert words.format_money(missing) == words.format_share(missing) == words.format_date(missing) == "–"
        assert (
            words.format_change(missing, "share")
            == words.format_change_interval(None, missing, "share")
            == "–"
        )


def test_german_and_russian_pages_show_their_figures(sites: dict[str, dict[str, Document]]) -> None:
    german, russian = sites["de"]["roi.html"], sites["ru"]["roi.html"]
    table = "campaign_1_kpis"
    assert german.read_shown(table, "Testgruppe")[:2] == [f"12,05{SPACE}%", f"14,20{SPACE}€"]
    assert russian.read_shown(table, "Прирост")[0] == "+2,93 п. п."
    assert f"Abwanderung ist 60 Tage nach Kampagnenende bekannt, am 8.{SPACE}Januar{SPACE}2027" in german.text
    assert "Anteil der Kontrollgruppe: 16,2" in german.text
    assert "kein Zufall (p < 0,001)" in german.text
    assert "1 Merkmal hat sich verändert: Zeta." in sites["de"]["index.html"].text
    assert "Изменился 1 признак: Zeta." in sites["ru"]["index.html"].text
    labels = [note["text"] for note in german.figures["campaigns"]["layout"]["annotations"]]
    assert labels[0].endswith(f"<b>+32,1{SPACE}%</b>")


@pytest.mark.parametrize("language", OTHERS)
def test_names_stay_text_in_every_language(language: str) -> None:
    name = "<script>alert(1)</script> {0} %s"
    campaign = make_campaign(
        name=name, sentence=f"{name} is still being measured; it is decided on 2026-12-01."
    )
    broken = make_campaign("invalid", name=name, sentence=SENTENCE.replace("Autumn mail", name))

    def week(*campaigns: dict) -> ReportData:
        summary = make_data().summary | {"campaigns": list(campaigns)}
        return make_data(language=language, summary=summary, title=EVIL)

    site = render_site(week(campaign, broken))
    alone = [load_pages()["index"].render(week(one)) for one in (campaign, broken)]
    for html in (site["index.html"], site["roi.html"], *alone):
        shown = Document(html)
        assert "<script>alert" not in html
        assert name in shown.text
        sources = {a.get("src") for tag, a in shown.elements if tag == "script"} - {None}
        assert sources <= {"plotly.min.js", *ASSETS}
    assert EVIL in Document(site["index.html"]).text


@pytest.mark.parametrize("language", OTHERS)
def test_an_empty_week_says_so_in_every_language(language: str) -> None:
    empty = ReportData("Shop", date(2026, 11, 16), "EUR", "", summary={}, language=language)
    for html in render_site(empty).values():
        page = Document(html)
        assert not re.search(r"\b(nan|None|NaT|null|NA)\b", page.text)
        for phrase in ("No campaign", "No factor", "There are no", "no model", "Nothing", " is on record"):
            assert phrase not in page.text


def test_an_owners_own_page_is_shown_as_it_is() -> None:
    words = load_words("de")
    assert words.gettext("Deliveries by lorry") == "Deliveries by lorry"
    assert words.gettext("") == ""


def test_figures_of_a_page_are_json_in_every_language(sites: dict[str, dict[str, Document]]) -> None:
    for language in OTHERS:
        forest = json.dumps(sites[language]["roi.html"].figures["campaigns"], ensure_ascii=False)
        assert " to " not in forest
