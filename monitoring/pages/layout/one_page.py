"""The week on one A4 page, for print and to be sent: what happened, the main numbers, a line a campaign.

It says nothing of its own: sentences, tiles and verdicts are those of the pages. Long texts are cut where they would
run into a second page, and the most urgent campaigns come first.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from monitoring.pages import ReportData
from monitoring.pages.index import list_sentences, list_tiles
from monitoring.pages.layout import render_template
from monitoring.pages.layout.campaigns import Campaign, rank_campaigns, read_campaigns
from monitoring.pages.layout.verdicts import Verdict, read_drift
from monitoring.pages.layout.words import Words
from monitoring.pages.roi import write_headline

ONE_PAGE = "one_page.html"
MOST_CAMPAIGNS = 20


@dataclass(frozen=True, slots=True)
class Line:
    """A campaign in one line: what to do with it, and the figure that rests on."""

    name: str
    verdict: Verdict
    figure: str
    words: str


def render_one_page(data: ReportData) -> Markup:
    """A whole page of its own, without navigation."""
    words = data.words
    campaigns = rank_campaigns(read_campaigns(data.summary, words=words))
    drift = read_drift(data.summary, data.drift, words)
    more = len(campaigns) - MOST_CAMPAIGNS
    return render_template(
        ONE_PAGE,
        words=words,
        tag=words.tag,
        data=data,
        sentences=list_sentences(data),
        tiles=list_tiles(data),
        drift=drift,
        drift_word=words.gettext("{sentence}.", sentence=words.explain(words.gettext("Drift"), drift.word)),
        lines=[_write_line(campaign, words) for campaign in campaigns[:MOST_CAMPAIGNS]],
        more=_tell_rest(more, words) if more > 0 else "",
        link=link_report(data),
    )


def link_report(data: ReportData) -> str:
    """Where this week's report is reached; nothing where nobody has said."""
    return f"{data.address}/{data.as_of.isoformat()}/index.html" if data.address else ""


def _write_line(campaign: Campaign, words: Words) -> Line:
    return Line(campaign.name, campaign.verdict, *write_headline(campaign, words))


def _tell_rest(campaigns: int, words: Words) -> str:
    return words.ngettext(
        "… and {count} more in the full report.", "… and {count} more in the full report.", campaigns
    )
