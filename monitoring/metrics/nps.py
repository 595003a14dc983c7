"""Net promoter score, where customers were asked."""

from __future__ import annotations

from monitoring.metrics import ArmData, Metric, MetricResult, compare_ratios, explain_nothing


def measure_nps(data: ArmData) -> MetricResult:
    """Answers of 9 and 10 minus those of 0 to 6, over all answers in the window (Reichheld 2003); −1 to 1.

    Only who answers counts, and the campaign may have changed who does: it describes and does not decide.
    """
    if not any(data.count_nonzero(arm, "surveys") for arm in data.arms):
        return explain_nothing(data, "nobody answered a survey in the window")
    return compare_ratios(data, "promoted", "surveys")


METRIC = Metric(
    "nps", "Net promoter score", unit="ratio", better="higher", measure=measure_nps, decides=False
)
