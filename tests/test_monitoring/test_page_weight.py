"""How much a page may weigh, of a shop with all that a report can show."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from report_sample import make_data

from benchmarks.report_campaigns import measure_drawn
from monitoring.pages import ReportData, render_site

BYTES_MAX = 1_000_000
CAMPAIGNS, SEGMENTS, FACTORS, DRAWN, WEEKS, CANDIDATES = 20, 8, 46, 3000, 104, 60


@pytest.fixture(scope="module")
def rich() -> ReportData:
    """Twenty campaigns, every other one of three arms, eight segments, 46 factors, three maps, two years of weeks."""
    rng = np.random.default_rng(0)
    sample = make_data()
    names = [f"Loyal customers who often come by number {n}" for n in range(SEGMENTS)]
    factors = [f"share_of_something_in_{n}d" for n in range(FACTORS)]
    segments = rng.choice(names, DRAWN)
    drawn = pd.DataFrame(rng.normal(size=(DRAWN, 2)), columns=["x", "y"]).assign(
        segment_name=segments, strength=rng.random(DRAWN)
    )
    weeks = [date(2026, 11, 16) - timedelta(weeks=back) for back in reversed(range(WEEKS))]
    # Many customers, so that every interval is there.
    measured = measure_drawn(2, customers=20_000)
    campaigns = [
        measured[n % 2] | {"campaign_id": f"campaign-{n}", "name": f"Campaign number {n}"}
        for n in range(CAMPAIGNS)
    ]
    profiles = pd.concat([sample.profiles.head(1)] * SEGMENTS, ignore_index=True)
    return make_data(
        summary=sample.summary | {"campaigns": campaigns},
        profiles=profiles.assign(segment_id=range(1, SEGMENTS + 1), segment_name=names, share=1 / SEGMENTS),
        maps={"pca": drawn, "tsne": drawn, "umap": drawn},
        silhouettes=pd.DataFrame({"segment_name": segments, "silhouette": rng.uniform(-1, 1, DRAWN)}),
        heatmap=pd.DataFrame(rng.normal(size=(SEGMENTS, FACTORS)), index=names, columns=factors),
        candidates=pd.concat([sample.candidates.head(1)] * CANDIDATES, ignore_index=True),
        drift=pd.DataFrame(
            {
                "column": factors, "method": "Wasserstein distance (normed)", "score": rng.random(FACTORS),
                "threshold": 0.1, "drifted": rng.random(FACTORS) < 0.2,
            }
        ),
        drift_timeline=pd.DataFrame({"as_of": weeks, "score": rng.random(WEEKS), "watch": 0.5, "retrain": 0.8}),
        history=pd.concat([sample.history.head(1)] * WEEKS, ignore_index=True).assign(as_of=weeks),
        promotions=pd.concat([sample.promotions.head(1)] * WEEKS, ignore_index=True).assign(as_of=weeks),
        runs=pd.concat([sample.runs.head(1)] * 100, ignore_index=True),
        quarantine=pd.concat([sample.quarantine.tail(1)] * 50, ignore_index=True),
        past_weeks=tuple(map(str, weeks[:-1])),
    )  # fmt: skip


def test_no_page_weighs_more_than_a_megabyte(rich: ReportData) -> None:
    weights = {name: len(html.encode()) for name, html in render_site(rich).items()}
    assert all(html in weights for html in ("index.html", "roi.html", "segments.html", "drift.html"))
    # They hold what they were given, so it is no empty page that is light.
    assert min(weights["roi.html"], weights["segments.html"]) > 100_000
    assert {name: weight for name, weight in weights.items() if weight > BYTES_MAX} == {}
