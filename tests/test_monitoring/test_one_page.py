"""The week on one page and as a mail: the pages' own sentences, in plain text and HTML, and the link."""

from dataclasses import replace
from datetime import date

from test_monitoring.report_sample import EVIL, Document, make_campaign, make_data

from monitoring.pages import ReportData, render_site
from monitoring.pages.index import list_sentences
from monitoring.pages.layout.letter import write_letter
from monitoring.pages.layout.one_page import MOST_CAMPAIGNS, render_one_page

ADDRESS = "https://reports.example.org/shop"
LINK = f"{ADDRESS}/2026-11-16/index.html"
EMPTY = ReportData("Shop", date(2026, 11, 16), "EUR", "", summary={})


def squeeze(text: str) -> str:
    return " ".join(text.split())


def with_campaigns(*decisions: str) -> ReportData:
    campaigns = [
        make_campaign(decision, campaign_id=f"c{place}", name=f"Campaign {place}")
        for place, decision in enumerate(decisions)
    ]
    data = make_data(address=ADDRESS)
    return replace(data, summary=data.summary | {"campaigns": campaigns})


def test_the_page_says_what_the_first_page_says() -> None:
    data = make_data(address=ADDRESS)
    page = Document(render_one_page(data))
    first = squeeze(Document(render_site(data)["index.html"]).text)
    for sentence in list_sentences(data):
        for said in (sentence.happened, sentence.action):
            assert squeeze(said) in squeeze(page.text)
            assert squeeze(said) in first
    assert page.read_column("campaigns", "Campaign") == ["Autumn mail"]
    assert page.read_column("campaigns", "Decision") == ["Repeat"]
    assert page.read_shown("campaigns", "Added") == ["+2.93 points"]
    assert "Drift: Watch." in page.text
    assert [attributes["href"] for tag, attributes in page.elements if tag == "a"] == [LINK]


def test_the_page_stands_beside_the_others_but_not_among_them() -> None:
    site = render_site(make_data())
    assert "one_page.html" in site
    assert not [name for name, html in site.items() if 'href="one_page.html"' in html]


def test_the_most_urgent_campaigns_come_first_and_the_rest_is_counted() -> None:
    page = Document(render_one_page(with_campaigns("inconclusive", "continue", "ship", "stop", "invalid")))
    assert page.read_column("campaigns", "Decision") == [
        "Do not trust",
        "Stop",
        "Repeat",
        "Wait",
        "Cannot tell",
    ]
    many = Document(render_one_page(with_campaigns(*["ship"] * MOST_CAMPAIGNS, "stop", "inconclusive")))
    assert len(many.read_column("campaigns", "Campaign")) == MOST_CAMPAIGNS
    assert many.read_column("campaigns", "Decision")[0] == "Stop"
    assert "… and 2 more in the full report." in many.text


def test_without_address_campaigns_or_anything_there_is_no_link_and_no_gap() -> None:
    page = Document(render_one_page(EMPTY))
    assert [tag for tag, _ in page.elements if tag in ("a", "table")] == []
    assert "None" not in page.text
    letter = write_letter(EMPTY)
    assert letter.link == ""
    assert "http" not in letter.text + letter.html


def test_a_letter_holds_the_sentences_and_the_link_in_both_forms() -> None:
    data = make_data(address=ADDRESS)
    letter = write_letter(data)
    assert letter.subject == "Nordlicht & Co: the week to 16 November 2026"
    html = Document(letter.html)
    for sentence in list_sentences(data):
        for said in (sentence.happened, sentence.action):
            assert squeeze(said) in squeeze(letter.text)
            assert squeeze(said) in squeeze(html.text)
    assert letter.text.endswith(f"The full report: {LINK}")
    assert [attributes["href"] for tag, attributes in html.elements if tag == "a"] == [LINK]
    assert EVIL in letter.text
    assert "<script>" not in letter.html


def test_the_most_urgent_campaigns_come_first_in_every_language() -> None:
    data = replace(with_campaigns("inconclusive", "ship", "invalid"), language="de")
    page = Document(render_one_page(data))
    assert page.read_column("campaigns", "Kampagne") == ["Campaign 2", "Campaign 1", "Campaign 0"]
