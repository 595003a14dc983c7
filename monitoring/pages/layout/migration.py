"""Who changed segment since the week before: in words, as a figure, and in tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from monitoring.migration_charts import JOINED, LEFT, STAGES, draw_migration
from monitoring.pages import ReportData
from monitoring.pages.layout.tables import Column, Figure, Table, build_table, embed_figure
from monitoring.pages.layout.words import Words, format_text, mark, read_part

CAPTION = mark(
    "Customers as streams, from the segment they were in to the one they are in: as broad as they are many, in the "
    "colour of the segment they come from, pale where they stay."
)
CAUSES = mark(
    "In the middle this week's customers stand where the old model puts them: what changes on the way there the "
    "customers did, what changes after it the new model."
)


@dataclass(frozen=True, slots=True)
class Movement:
    """What the page shows of it: a summing up, the flows worth a sentence, the streams, and the numbers behind."""

    opening: str
    sentences: tuple[str, ...]
    figure: Figure
    matrix: Table
    streams: Table


def read_movement(data: ReportData, *, colours: Mapping[str, str]) -> Movement | None:
    """The movement out of the week's data; nothing where the weeks were not compared.

    Args:
        colours: colour by segment name, in the order the segments are to stand in.
    """
    words, _ = data.words, data.words.gettext
    told = read_part(data.summary, "migration")
    if not told or data.migration.empty:
        return None
    model_changed = told["before_version"] != told["after_version"]
    figure = draw_migration(
        data.migration,
        model_changed=model_changed,
        colours=colours,
        earlier=_("Week to {day}", day=words.format_date(told["previous_as_of"])),
        later=_("Week to {day}", day=words.format_date(data.as_of)),
    )
    return Movement(
        opening=sum_up(told, words, model_changed=model_changed),
        sentences=tuple(told["sentences"]),
        figure=embed_figure(
            figure,
            name="migration",
            words=words,
            caption=_write_caption(data, model_changed=model_changed),
        ),
        matrix=tabulate_matrix(data.migration, words, order=tuple(colours)),
        streams=tabulate_streams(data.migration, words, model_changed=model_changed),
    )


def sum_up(told: Mapping[str, Any], words: Words, *, model_changed: bool) -> str:
    """How many of the customers of both weeks moved, and how many came and went."""
    _, day = words.gettext, words.format_date(told["previous_as_of"])
    came = _(
        "{joined} joined and {left} left.",
        joined=words.format_count(told["joined"]),
        left=words.format_count(told["left"]),
    )
    if None in (told["joined"], told["left"]):
        came = _("So few joined or left that their number is not shown.")
    if told["common"] == 0:
        return words.chain(_("No customer of the week to {day} is still there.", day=day), came)
    moved = _tell_moved(told, words, day=day)
    return words.chain(words.chain(moved, _tell_causes(told, words)) if model_changed else moved, came)


def tabulate_matrix(flows: pd.DataFrame, words: Words, *, order: tuple[str, ...]) -> Table:
    """Customers by the segment they were in, a row each, and the one they are in, a column each."""
    _, show_end = words.gettext, partial(_show_end, words=words)
    ends = flows.assign(origin=flows[STAGES[0]].fillna(JOINED), goal=flows[STAGES[-1]].fillna(LEFT))
    counts = ends.pivot_table(index="origin", columns="goal", values="customers", aggfunc="sum")
    names = [
        *order,
        *(name for name in (*counts.index, *counts.columns) if name not in (*order, JOINED, LEFT)),
    ]
    rows, goals = (
        [name for name in (*names, last) if name in known]
        for last, known in ((JOINED, counts.index), (LEFT, counts.columns))
    )
    frame = counts.loc[rows, goals].fillna(0).set_axis([f"to {place}" for place in range(len(goals))], axis=1)
    columns = [
        Column(
            key,
            _("to {segment}", segment=goal) if goal != LEFT else _("Left"),
            lambda n: words.format_count(n) if n else "",
            kind="number",
        )
        for key, goal in zip(frame.columns, goals, strict=True)
    ]
    return build_table(
        frame.reset_index(names="origin"),
        (Column("origin", _("From"), show_end), *columns),
        name="migration_matrix",
        title=_("Customers by where they were and where they are"),
    )


def tabulate_streams(flows: pd.DataFrame, words: Words, *, model_changed: bool) -> Table:
    """Every path with its customers, the largest first."""
    _, show_end = words.gettext, partial(_show_end, words=words)
    named = flows.assign(
        **{STAGES[0]: flows[STAGES[0]].fillna(JOINED), STAGES[-1]: flows[STAGES[-1]].fillna(LEFT)}
    )
    columns = [
        Column(STAGES[0], _("Was in"), show_end),
        Column(STAGES[1], _("By the old model now in")),
        Column(STAGES[-1], _("Is in"), show_end),
        Column("customers", _("Customers"), words.format_count, kind="number"),
    ]
    shown = columns if model_changed else [column for column in columns if column.source != STAGES[1]]
    return build_table(named, shown, name="migration_streams", title=_("Every stream, the largest first"))


def _tell_moved(told: Mapping[str, Any], words: Words, *, day: str) -> str:
    """How many moved; of how many and which part as far as that is shown."""
    _, common, share = words.gettext, told["common"], words.format_share(told["moved"])
    if common is None and told["moved"] is None:
        return _("Some of the customers known since the week to {day} are in another segment now.", day=day)
    if common is None:
        return _(
            "Of the customers known since the week to {day}, {share} are in another segment now.",
            day=day,
            share=share,
        )
    if told["moved"] is None:
        return words.ngettext(
            "Of {count} customer known since the week to {day}, some are in another segment now.",
            "Of {count} customers known since the week to {day}, some are in another segment now.",
            common,
            day=day,
        )
    return words.ngettext(
        "Of {count} customer known since the week to {day}, {share} are in another segment now.",
        "Of {count} customers known since the week to {day}, {share} are in another segment now.",
        common,
        day=day,
        share=share,
    )


def _tell_causes(told: Mapping[str, Any], words: Words) -> str:
    """How many moved for which reason."""
    by_customers, by_model = told["moved_by_customers"], told["moved_by_model"]
    if None in (by_customers, by_model):
        return words.gettext("How many moved by what they did, and how many by the new model, is not shown.")
    return words.gettext(
        "What they did moved {customers}, the new model {model}; whom both moved counts for both.",
        customers=words.format_share(by_customers),
        model=words.format_share(by_model),
    )


def _write_caption(data: ReportData, *, model_changed: bool) -> str:
    words, _ = data.words, data.words.gettext
    caption = words.chain(_(CAPTION), _(CAUSES) if model_changed else "")
    if data.smallest_group <= 1:
        return caption
    few = _(
        "Streams of fewer than {count} customers are left out, and those of segments whose size is not shown.",
        count=words.format_count(data.smallest_group),
    )
    return words.chain(caption, few)


def _show_end(name: Any, words: Words) -> str:
    """A segment by its name; in the reader's language where somebody came or went."""
    passages = {JOINED: words.gettext("Joined"), LEFT: words.gettext("Left")}
    return passages.get(name) or format_text(name)
