"""Money of a few customers that would decide a campaign by itself."""

from __future__ import annotations

import ibis

from monitoring.experiments.aggregates import CAPPED

MONEY = ("revenue", "margin", "realised")
OUTLIERS = 0.99
"""Of the customers with any money, the most that is left as it is when it is asked whether outliers carry a result."""


def winsorize(outcomes: ibis.Table, *, quantile: float) -> ibis.Table:
    """Money above a quantile, in all arms alike, counted as that quantile."""
    return outcomes.mutate(**_cap(outcomes, quantile=quantile, name="{}"))


def add_capped(outcomes: ibis.Table) -> ibis.Table:
    """The same money once more without its outliers, as columns `<column>_capped`."""
    return outcomes.mutate(**_cap(outcomes, quantile=OUTLIERS, name=f"{{}}{CAPPED}"))


def _cap(outcomes: ibis.Table, *, quantile: float, name: str) -> dict[str, ibis.expr.types.Value]:
    """The quantile is of the customers with money, not of all: of all, it would mostly be zero."""
    columns = [column for column in MONEY if column in outcomes.columns]
    if not columns:
        return {}
    values = {column: outcomes[column].cast("float64") for column in columns}
    caps = (
        outcomes.aggregate(
            **{column: value.quantile(quantile, where=value > 0) for column, value in values.items()}
        )
        .to_pyarrow()
        .to_pylist()[0]
    )
    return {
        name.format(column): value if caps[column] is None else value.clip(upper=caps[column])
        for column, value in values.items()
    }
