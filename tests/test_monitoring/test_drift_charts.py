"""The pictures of drift show the numbers they are given."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from monitoring.charts import BAD
from monitoring.drift_charts import draw_then_and_now, draw_timeline


def test_timeline_shows_every_week_and_both_limits() -> None:
    weeks = [date(2026, 1, 4) + timedelta(weeks=n) for n in range(4)]
    timeline = pd.DataFrame({"as_of": weeks, "score": [2.0, 2.5, 2.1, 9.0], "watch": 4.0, "retrain": 7.0})
    figure = draw_timeline(timeline)
    (line,) = figure.data
    assert list(line.y) == [2.0, 2.5, 2.1, 9.0]
    assert [colour == BAD for colour in line.marker.color] == [False, False, False, True]
    assert sorted(shape.y0 for shape in figure.layout.shapes) == [4.0, 7.0]


def test_then_and_now_are_drawn_for_every_factor_as_shares_of_customers() -> None:
    level = np.linspace(0, 1, 100)
    frames = [
        pd.DataFrame({"factor": "visits_<7>d", "then": level, "now": level + 1}),
        pd.DataFrame({"factor": "always_zero", "then": 0.0, "now": 0.0}, index=range(100)),
    ]
    figure = draw_then_and_now(pd.concat(frames, ignore_index=True))
    assert len(figure.data) == 4
    assert [int(sum(trace.y)) for trace in figure.data] == [100] * 4
    assert "<7>" not in figure.layout.annotations[0].text
    then, now = figure.data[0], figure.data[1]
    assert max(x for x, y in zip(then.x, then.y, strict=True) if y) < 1.1
    assert min(x for x, y in zip(now.x, now.y, strict=True) if y) > 0.9
