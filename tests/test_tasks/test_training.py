"""What training asks of a segment's size."""

import pandas as pd
import pytest

from monitoring.experiments.power import Design, Proportion, find_power
from tasks.features import History
from tasks.training import size_segment

DESIGN = Design(control_share=0.2, alpha=0.05)


def make_history(conversion: float) -> History:
    outcomes = pd.DataFrame(
        {"converted": [1.0] * round(100 * conversion) + [0.0] * round(100 * (1 - conversion))}
    )
    return History(outcomes, outcomes, 90)


@pytest.mark.parametrize("conversion", [0.1, 0.4])
def test_a_segment_is_large_enough_when_its_campaign_shows_the_effect_with_80_percent_power(
    conversion: float,
) -> None:
    size = size_segment(make_history(conversion), effect=0.05, experiment=DESIGN)
    outcome = Proportion(conversion)
    assert find_power(outcome, effect=0.05, customers=size, design=DESIGN) == pytest.approx(0.8, abs=0.005)
    assert find_power(outcome, effect=0.05, customers=size // 2, design=DESIGN) < 0.6


def test_no_effect_asked_for_needs_no_size() -> None:
    assert size_segment(make_history(0.1), effect=None, experiment=DESIGN) == 0


@pytest.mark.parametrize("history", [History(None, None, 90), make_history(0.0), make_history(0.98)])
def test_where_the_baseline_is_of_no_use_the_one_that_needs_most_is_taken(history: History) -> None:
    most = size_segment(make_history(0.5), effect=0.05, experiment=DESIGN)
    assert size_segment(history, effect=0.05, experiment=DESIGN) == most
