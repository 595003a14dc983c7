"""What shows single people is withdrawn from a page, and nothing else is."""

import re

from report_sample import make_data

from monitoring.pages import render_site
from monitoring.pages.layout.withdrawal import SECTIONS, withdraw_people
from monitoring.pages.layout.words import load_words


def list_sections(page: str) -> dict[str, str]:
    found = re.findall(
        r'<section (?:class="withdrawn" )?aria-labelledby="([\w-]+)">(.*?)</section>', page, re.DOTALL
    )
    return dict(found)


def test_only_the_sections_that_show_single_people_are_withdrawn() -> None:
    site = render_site(make_data())
    withdrawn = {name: withdraw_people(page, name=name) for name, page in site.items()}
    changed = set()
    for name, page in site.items():
        if name == "evidently.html":
            continue
        before, after = list_sections(page), list_sections(withdrawn[name])
        assert list(before) == list(after)
        changed |= {section for section in before if before[section] != after[section]}
        for section in set(before) - set(SECTIONS):
            assert before[section] == after[section]
        for section in set(before) & set(SECTIONS):
            assert "has asked to be forgotten" in after[section]
            assert "<script" not in after[section]
            assert "<td" not in after[section]
            assert before[section].partition("</h2>")[0] == after[section].partition("</h2>")[0]
    assert changed == set(SECTIONS)


def test_evidentlys_page_goes_whole_and_doing_it_again_changes_nothing() -> None:
    page = withdraw_people("<html>7391.83</html>", name="evidently.html")
    assert "7391.83" not in page
    site = render_site(make_data())
    for name, text in site.items():
        once = withdraw_people(text, name=name)
        assert withdraw_people(once, name=name) == once


def test_the_reason_is_told_in_the_readers_language() -> None:
    site = render_site(make_data())
    page = withdraw_people(site["segments.html"], name="segments.html", words=load_words("de"))
    assert "vergessen" in page
