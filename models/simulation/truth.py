"""What only a simulator knows: who is who, who left when, what campaigns truly added, which rows are bad."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth about a simulated shop; no part of the product reads it except to be judged by it.

    keys: key_kind, key_value (normalised), person, segment: every identity key of every person.
    people: person, segment, arrived_on, left_on: the first day, and that of the last possible visit (null if
        they stay).
    segments: segment, name, and what its people were drawn from (see `segments.Segment`).
    effects: one row a campaign and segment, segment −1 for all assigned: assigned and treated (people),
        baseline_conversion (share who buy in the window anyway), conversion_lift (absolute: what treatment
        adds to it), revenue_per_customer and margin_per_customer (expected addition for one treated
        customer), incremental_revenue (the same for all treated). For the people assigned, up to the shop's
        last day, in expectation over who is treated and who is persuaded.
    mess: source, flaw, occurred_on, delivered_on: every messy row; `mess.count_mess` counts a delivery's.
    shift_week, shift_on: the week (from 0) and first day of the changed behaviour, or None.
    """

    keys: pd.DataFrame
    people: pd.DataFrame
    segments: pd.DataFrame
    effects: pd.DataFrame
    mess: pd.DataFrame
    shift_week: int | None
    shift_on: pd.Timestamp | None
