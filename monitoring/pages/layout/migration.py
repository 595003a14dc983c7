"""Who changed segment since the week before: in words, as a figure, and in tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from monitoring.migration_charts import JOINED, LEFT, STAGES, draw_migration
from monitoring.pages import ReportData
from monitoring.pages.layout.tables import Column, Figure, Table, build_table, embed_figure
from monitoring.pages.layout.words import (
    format_count,
    format_date,
    format_plural,
    format_share,
    read_part,
)

CAPTION = (
    "Customers as streams, from the segment they were in to the one they are in: as broad as they are many, in the "
    "colour of the segment they come from, pale where they stay."
)
CAUSES = (
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
    told = read_part(data.summary, "migration")
    if not told or data.migration.empty:
        return None
    model_changed = told["before_version"] != told["after_version"]
    figure = draw_migration(
        data.migration,
        model_changed=model_changed,
        colours=colours,
        earlier=f"Week to {format_date(told['previous_as_of'])}",
        later=f"Week to {format_date(data.as_of)}",
    )
    return Movement(
        opening=sum_up(told, model_changed=model_changed),
        sentences=tuple(told["sentences"]),
        figure=embed_figure(
            figure, name="migration", caption=_write_caption(data, model_changed=model_changed)
        ),
        matrix=tabulate_matrix(data.migration, order=tuple(colours)),
        streams=tabulate_streams(data.migration, model_changed=model_changed),
    )


def sum_up(told: Mapping[str, Any], *, model_changed: bool) -> str:
    """How many of the customers of both weeks moved, and how many came and went."""
    since = f"the week to {format_date(told['previous_as_of'])}"
    came = f"{format_count(told['joined'])} joined and {format_count(told['left'])} left."
    if None in (told["joined"], told["left"]):
        came = "So few joined or left that their number is not shown."
    if told["common"] == 0:
        return f"No customer of {since} is still there. {came}"
    people = "the customers" if told["common"] is None else format_plural(told["common"], "customer")
    moved, by_customers, by_model = (
        "some" if told[name] is None else format_share(told[name])
        for name in ("moved", "moved_by_customers", "moved_by_model")
    )
    opening = f"Of {people} known since {since}, {moved} are in another segment now."
    causes = (
        f" What they did moved {by_customers}, the new model {by_model}; whom both moved counts for both."
    )
    return f"{opening}{causes if model_changed else ''} {came}"


def tabulate_matrix(flows: pd.DataFrame, *, order: tuple[str, ...]) -> Table:
    """Customers by the segment they were in, a row each, and the one they are in, a column each."""
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
        Column(key, f"to {goal}" if goal != LEFT else LEFT, _show_some, kind="number")
        for key, goal in zip(frame.columns, goals, strict=True)
    ]
    return build_table(
        frame.reset_index(names="origin"),
        (Column("origin", "From"), *columns),
        name="migration_matrix",
        title="Customers by where they were and where they are",
    )


def tabulate_streams(flows: pd.DataFrame, *, model_changed: bool) -> Table:
    """Every path with its customers, the largest first."""
    named = flows.assign(
        **{STAGES[0]: flows[STAGES[0]].fillna(JOINED), STAGES[-1]: flows[STAGES[-1]].fillna(LEFT)}
    )
    columns = [
        Column(STAGES[0], "Was in"),
        Column(STAGES[1], "By the old model now in"),
        Column(STAGES[-1], "Is in"),
        Column("customers", "Customers", format_count, kind="number"),
    ]
    shown = columns if model_changed else [column for column in columns if column.source != STAGES[1]]
    return build_table(named, shown, name="migration_streams", title="Every stream, the largest first")


def _write_caption(data: ReportData, *, model_changed: bool) -> str:
    parts = [CAPTION, CAUSES if model_changed else ""]
    if data.smallest_group > 1:
        parts.append(
            f"Streams of fewer than {data.smallest_group} customers are left out, and those of segments whose size "
            "is not shown."
        )
    return " ".join(part for part in parts if part)


def _show_some(customers: Any) -> str:
    return format_count(customers) if customers else ""
