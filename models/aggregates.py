"""Aggregates that mean the same on every engine."""

from __future__ import annotations

import ibis
from ibis import _


def count_if(condition: ibis.Deferred) -> ibis.Deferred:
    """How many rows hold `condition`, as float64; 0 where none does."""
    # Databricks counts by adding up, and conditions that are all null add up to null.
    return _.count(where=condition).coalesce(0).cast("float64")


def sum_if(condition: ibis.Deferred, value: ibis.Deferred) -> ibis.Deferred:
    """The sum of `value` over the rows that hold `condition`; 0 where none does."""
    return value.sum(where=condition).coalesce(0.0)
