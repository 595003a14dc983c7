"""The data dictionary of the tables for BI tools: what every column means and in which unit it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

DICTIONARY = "data_dictionary"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A column in words: its unit and what it says."""

    unit: str
    meaning: str


TEXT, NAME, DAY, TIME, YES_NO, SHARE = "text", "name", "day", "time in UTC", "yes or no", "share, 0 to 1"
CUSTOMERS, ROWS, MONEY = "customers", "rows", "money in the shop's currency"
OF_METRIC = "as the column unit says"

MEANINGS: Mapping[str, Meaning] = {
    "as_of": Meaning(DAY, "last day taken into account"),
    "customer_id": Meaning(NAME, "pseudonym of the customer"),
    "segment_id": Meaning(NAME, "number of the segment; 0 and -1: in no segment, and valuable or dormant"),
    "segment_name": Meaning(NAME, "name of the segment"),
    "strength": Meaning(SHARE, "how firmly the customer belongs to the segment"),
    "is_outlier": Meaning(YES_NO, "whether the customer is unlike any segment"),
    "reason_1": Meaning(
        NAME, "the factor that did most to place the customer in this segment rather than in the next"
    ),
    "reason_2": Meaning(NAME, "the factor that did second most; empty: no other did"),
    "reason_3": Meaning(NAME, "the factor that did third most; empty: no other did"),
    "model_version": Meaning(NAME, "version of the model that assigned the segment"),
    "size": Meaning(CUSTOMERS, "customers in the segment"),
    "share": Meaning(SHARE, "part of all customers that is in the segment"),
    "value": Meaning(MONEY, "mean revenue of a customer of the segment in the last 180 days"),
    "rule": Meaning(TEXT, "the segment's rule in words"),
    "lineage": Meaning(NAME, "what became of the segment since the model before"),
    "factor": Meaning(NAME, "the reaction factor; its unit stands at its column of features"),
    "median": Meaning("unit of the factor", "the factor's median in the segment"),
    "mean": Meaning("unit of the factor", "the factor's mean in the segment"),
    "effect": Meaning(
        "standard deviations",
        "how far the segment lies from all other customers; only of the factors that set it apart",
    ),
    "others_median": Meaning(
        "unit of the factor", "the factor's median among all other customers; only where there is an effect"
    ),
    "previous_as_of": Meaning(DAY, "last day of the week that is compared with"),
    "before_id": Meaning(NAME, "segment the week before; empty: joined since"),
    "before_name": Meaning(NAME, "name of the segment the week before; empty: joined since"),
    "between_id": Meaning(NAME, "segment in which last week's model puts them this week; empty: left"),
    "between_name": Meaning(NAME, "name of the segment in which last week's model puts them this week"),
    "after_id": Meaning(NAME, "segment this week; empty: left"),
    "after_name": Meaning(NAME, "name of the segment this week; empty: left"),
    "before_version": Meaning(NAME, "version of the model of the week before"),
    "after_version": Meaning(NAME, "version of the model of this week"),
    "migration.customers": Meaning(CUSTOMERS, "customers who went this way"),
    "drift.factor": Meaning(NAME, "the reaction factor, or another figure that is watched"),
    "method": Meaning(NAME, "how the change was measured"),
    "score": Meaning("as the method says", "how far it has moved"),
    "threshold": Meaning("as the method says", "from which score on it counts as changed"),
    "drifted": Meaning(YES_NO, "whether it counts as changed"),
    "decided_at": Meaning(TIME, "when the decision was taken"),
    "promotions.decision": Meaning(NAME, "first, promote, keep, blocked or rollback"),
    "reasons": Meaning(TEXT, "why it was decided so"),
    "challenger_version": Meaning(NAME, "version of the new model that was judged"),
    "previous_version": Meaning(NAME, "version of the model in use before"),
    "champion_version": Meaning(NAME, "version of the model in use afterwards"),
    "campaign_id": Meaning(NAME, "the campaign"),
    "campaign_name": Meaning(NAME, "name of the campaign"),
    "channel": Meaning(NAME, "by which way the campaign reached customers"),
    "starts_at": Meaning(TIME, "when the campaign starts"),
    "ends_at": Meaning(TIME, "when the campaign has ended: the first moment after it"),
    "campaigns.as_of": Meaning(DAY, "last day its newest measurement counts"),
    "decision": Meaning(NAME, "ship, stop, continue, inconclusive or invalid"),
    "sentence": Meaning(TEXT, "the decision in words"),
    "metric": Meaning(NAME, "the KPI"),
    "campaigns.metric": Meaning(NAME, "the KPI the decision rests on"),
    "unit": Meaning(NAME, "unit of the KPI: share (0 to 1), money, number or ratio"),
    "arm": Meaning(NAME, "the treatment group"),
    "campaigns.arm": Meaning(NAME, "the treatment group shown; others stand in campaign_results"),
    "campaigns.customers": Meaning(CUSTOMERS, "customers assigned to all groups"),
    "customers_control": Meaning(CUSTOMERS, "customers in the control group"),
    "customers_treatment": Meaning(CUSTOMERS, "customers in the treatment group"),
    "cost": Meaning(MONEY, "what the treatment has cost so far; empty: not known"),
    "control": Meaning(OF_METRIC, "the KPI in the control group"),
    "treatment": Meaning(OF_METRIC, "the KPI in the treatment group"),
    "absolute": Meaning(OF_METRIC, "what the campaign added: the difference to control"),
    "low": Meaning(OF_METRIC, "lower end of the interval of absolute; empty: open"),
    "high": Meaning(OF_METRIC, "upper end of the interval of absolute; empty: open"),
    "relative": Meaning("share of control's value", "the difference as a part of control's value"),
    "relative_low": Meaning("share of control's value", "lower end of the interval of relative"),
    "relative_high": Meaning("share of control's value", "upper end of the interval of relative"),
    "p_value": Meaning("probability", "probability of a difference this large by chance alone"),
    "roi": Meaning("ratio", "profit over cost: 0.5 is half the cost earned on top of it; empty: not known"),
    "roi_low": Meaning("ratio", "lower end of the interval of roi; empty: open or not known"),
    "roi_high": Meaning("ratio", "upper end of the interval of roi; empty: open or not known"),
    "srm_p": Meaning("probability", "how likely groups of these sizes are if they were drawn as planned"),
    "reason": Meaning(TEXT, "why a figure is missing, and what else to know about it"),
    "source": Meaning(NAME, "the source, as the configuration calls it"),
    "read": Meaning(ROWS, "everything the source held"),
    "accepted": Meaning(ROWS, "taken in for the first time"),
    "duplicates": Meaning(ROWS, "recognised and not counted twice"),
    "quarantined": Meaning(ROWS, "unusable; kept with the reason"),
    "filtered": Meaning(ROWS, "left out by the source's filter"),
    "late": Meaning(ROWS, "happened before the week and arrived in it"),
    "first_seen_on": Meaning(DAY, "day, in UTC, on which the rows were first set aside"),
    "quarantine.reason": Meaning(TEXT, "why the rows could not be used"),
    "rows": Meaning(ROWS, "rows set aside for that reason"),
    "run_id": Meaning(NAME, "the run"),
    "flow": Meaning(NAME, "the flow that ran"),
    "started_at": Meaning(TIME, "when the run started"),
    "finished_at": Meaning(TIME, "when the run ended"),
    "customers": Meaning(CUSTOMERS, "customers in the run"),
    "rows_read": Meaning(ROWS, "rows the sources held"),
    "rows_accepted": Meaning(ROWS, "rows taken in for the first time"),
    "rows_duplicate": Meaning(ROWS, "rows that were known already"),
    "rows_quarantined": Meaning(ROWS, "rows set aside as unusable"),
    "drift_decision": Meaning(NAME, "none, watch, retrain or data_fault"),
    "promotion_decision": Meaning(NAME, "first, promote, keep or blocked"),
    f"{DICTIONARY}.table": Meaning(NAME, "the table: the name of its files without the ending"),
    f"{DICTIONARY}.column": Meaning(NAME, "the column"),
    f"{DICTIONARY}.type": Meaning(NAME, "the column's type in the Parquet file"),
    f"{DICTIONARY}.unit": Meaning(NAME, "the unit of the column's values"),
    f"{DICTIONARY}.meaning": Meaning(TEXT, "what the column says"),
}
"""By column, or by `table.column` where a table means something of its own by it."""
DICTIONARY_COLUMNS = ("table", "column", "type", "unit", "meaning")


def describe_columns(
    types: Mapping[str, Mapping[str, str]], *, factors: Mapping[str, Meaning]
) -> Iterator[dict[str, str]]:
    """The dictionary: one row a column of every table, its own included, with `DICTIONARY_COLUMNS`.

    Args:
        types: by table the type of every column.
        factors: what the reaction factors mean, which are columns of `features`.

    Raises:
        KeyError: a column has no meaning.
    """
    every = {**types, DICTIONARY: dict.fromkeys(DICTIONARY_COLUMNS, "string")}
    for table, columns in every.items():
        for column, kind in columns.items():
            # A shop's factor may be called like a column of another table.
            own = factors.get(column) if table == "features" else None
            found = own or MEANINGS.get(f"{table}.{column}") or MEANINGS[column]
            yield dict(zip(DICTIONARY_COLUMNS, (table, column, kind, found.unit, found.meaning), strict=True))
