"""The weekly report as a small web site, one page a file.

Each module of this package exports `PAGE`: a name (its file is `<name>.html`), a title, and a pure function
from the week's `ReportData` to the HTML of the page's main part. The frame around it (heading, navigation,
style) is shared. A page returns `markupsafe.Markup`, as `layout.render_template` does; plain text is escaped
like any other value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import pandas as pd

from monitoring.playbook import Play

if TYPE_CHECKING:
    from monitoring.pages.layout.words import Words


def fits_none(segment_id: Any) -> Any:
    """Whether a segment, or each of a column of them, is one of customers who fit none: their ids are 0 and below."""
    return segment_id <= 0


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything a week's report shows. Any frame may be empty; the page then says what is missing and why.

    Attributes:
        title: the shop's name.
        as_of: last day taken into account.
        currency: ISO code of all money.
        generated_note: one line for the foot of every page.
        summary: the object `weekly --json` prints, its campaigns as `CampaignResult.to_dict` gives them. A
            campaign may also have its `alpha`, a segment's result its `segment_name`. A part the run does not
            have is null, or an object with its `reason`.
        profiles: segment_id, segment_name, size, share, value, rule, reasons (list of (factor, effect in
            words)), lineage. Ids of 0 and below are customers who fit no segment.
        migration: before_name, between_name, after_name, customers; one row a path from a segment of the week before
            to one of this week, by way of where the model of the week before puts this week's customers.
            `before_name` is missing for those who joined, the others for those who left.
        maps: by method (`pca`, `tsne`, `umap`): x, y, segment_name, perhaps strength; a sample of customers on a
            plane.
        silhouettes: segment_name, silhouette; a sample of customers.
        levels: level, segment, parent, name, share; one tree of customers cut at several heights, coarser first.
        sizes: as_of, segment_id, customers; one row a segment and week, this week included.
        playbook: what the owner wants done, by segment id (as text) or name.
        champion: what `training` says in the summary of the week the model in use was trained; empty if not on record.
        heatmap: index segment_name, one column a factor; standardised means.
        algorithms: names of algorithms as people write them, by the names in `candidates`; one that is missing
            is shown as it is.
        candidates: algorithm, segments, silhouette, stability, separation, outlier_share, smallest_share,
            admissible, reason.
        drift: column, method, score, threshold, drifted.
        drift_timeline: as_of, score, watch, retrain; one row a week, this one last. Empty while too few are on record.
        distributions: factor, then, now; quantiles of the factors that moved most, at training and this week.
        evidently_html: Evidently's own report, or nothing.
        history: as_of, customers, drift_decision, promotion_decision, champion_version, segments; one row a
            week.
        promotions: decided_at, as_of, decision, reasons, challenger_version, previous_version, champion_version (in
            use before and after it).
        runs: finished_at, flow, as_of, champion_version, versions (of the lake's tables, in words), run_id.
        quarantine: source, reason, rows, example.
        sources: source, read, accepted, duplicates, quarantined, filtered, late.
        past_weeks: ISO dates of the reports that stand beside this one.
        timezone: in which the shop counts its days.
        smallest_group: of fewer people than this no figures are shown; 1 shows all.
        language: the reader's: one there is a catalogue of, perhaps with a region (`de-CH`).
        address: where the published site is reached, without a slash at its end; empty: nobody has said.
    """

    title: str
    as_of: date
    currency: str
    generated_note: str
    summary: dict[str, Any]
    profiles: pd.DataFrame = field(default_factory=pd.DataFrame)
    migration: pd.DataFrame = field(default_factory=pd.DataFrame)
    maps: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    silhouettes: pd.DataFrame = field(default_factory=pd.DataFrame)
    levels: pd.DataFrame = field(default_factory=pd.DataFrame)
    sizes: pd.DataFrame = field(default_factory=pd.DataFrame)
    playbook: Mapping[str, Play] = field(default_factory=dict)
    champion: Mapping[str, Any] = field(default_factory=dict)
    heatmap: pd.DataFrame = field(default_factory=pd.DataFrame)
    algorithms: Mapping[str, str] = field(default_factory=dict)
    candidates: pd.DataFrame = field(default_factory=pd.DataFrame)
    drift: pd.DataFrame = field(default_factory=pd.DataFrame)
    drift_timeline: pd.DataFrame = field(default_factory=pd.DataFrame)
    distributions: pd.DataFrame = field(default_factory=pd.DataFrame)
    evidently_html: str | None = None
    history: pd.DataFrame = field(default_factory=pd.DataFrame)
    promotions: pd.DataFrame = field(default_factory=pd.DataFrame)
    runs: pd.DataFrame = field(default_factory=pd.DataFrame)
    quarantine: pd.DataFrame = field(default_factory=pd.DataFrame)
    sources: pd.DataFrame = field(default_factory=pd.DataFrame)
    past_weeks: tuple[str, ...] = ()
    timezone: str = "UTC"
    smallest_group: int = 10
    language: str = "en"
    address: str = ""

    @property
    def words(self) -> Words:
        """What is said, and how figures are written, in the reader's language.

        Raises:
            ValueError: there is no catalogue of it.
        """
        from monitoring.pages.layout.words import load_words

        return load_words(self.language, currency=self.currency)


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its file's name without the ending, its title in English, its main part, its place in the navigation."""

    name: str
    title: str
    render: Callable[[ReportData], str]
    order: int = 100


def load_pages() -> dict[str, Page]:
    """Every page in this package by name, in navigation order. Sub-packages hold what pages share."""
    found = (module for module in iter_modules(__path__) if not module.ispkg)
    pages: list[Page] = [import_module(f"{__name__}.{module.name}").PAGE for module in found]
    return {page.name: page for page in sorted(pages, key=lambda page: (page.order, page.name))}


def render_site(data: ReportData) -> dict[str, str]:
    """The whole site as HTML by file name, without the shared style, script and Plotly.

    Small groups are hidden before any page sees the data.
    """
    from monitoring.pages.layout import render_template
    from monitoring.pages.layout.content_policy import EVIDENTLY, restrict_evidently
    from monitoring.pages.layout.one_page import ONE_PAGE, render_one_page
    from monitoring.suppression import suppress_small_groups

    pages = load_pages()
    shown = suppress_small_groups(data, smallest=data.smallest_group)
    words = shown.words
    site = {
        f"{page.name}.html": str(
            render_template(
                "layout.html",
                words=words,
                tag=words.tag,
                data=shown,
                page=page,
                pages=pages.values(),
                main=page.render(shown),
            )
        )
        for page in pages.values()
    }
    site[ONE_PAGE] = str(render_one_page(shown))
    return site | ({EVIDENTLY: restrict_evidently(data.evidently_html)} if data.evidently_html else {})
