"""`python -m benchmarks.lifetime_value CUSTOMERS`: fits and predicts lifetime values of simulated customers, and prints
the seconds of each step as JSON. Its start, and drawing the customers, are left out.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Cost, measure_steps

if TYPE_CHECKING:
    import pandas as pd

VALUED_CUSTOMERS, FIT_SECONDS_MAX = 1_000_000, 20.0
AGE = (1.0, 156.0)  # weeks: a shop of three years
WEEKS = 52.0
PUBLISHED = {
    "r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "log_likelihood": -9582.4, "p": 6.25, "q": 3.74, "v": 15.44,
}  # fmt: skip
"""Of CDNOW's sample: Fader, Hardie & Lee (2005); Fader & Hardie (2013)."""
_PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Figure:
    """A published parameter, and ours."""

    name: str
    published: float
    found: float

    @property
    def deviation(self) -> float:
        """How far ours is off, as a share of the published one."""
        return self.found / self.published - 1


def measure_lifetime_value(*, customers: int) -> Cost:
    """Seconds by step, and peak memory, of so many simulated customers in a process of its own."""
    return measure_steps("benchmarks.lifetime_value", [str(customers)])


def find_cdnow() -> Path:
    """`cdnow_summary_with_spend.csv`, in `SEGMENTWERK_DATA_DIR` or beside the project."""
    folder = Path(os.environ.get("SEGMENTWERK_DATA_DIR", _PROJECT.parent / "shared" / "data"))
    return folder / "cdnow_summary_with_spend.csv"


def compare_published() -> list[Figure]:
    """Every published parameter of CDNOW's sample beside ours."""
    import pandas as pd

    from models.lifetime_value import fit_lifetime_value

    rows = pd.read_csv(find_cdnow())
    columns = {"x": "frequency", "t_x": "recency", "T": "age", "zbar": "spend"}
    model = fit_lifetime_value(rows.rename(columns=columns))
    return [
        Figure(name, published, getattr(model.spend if name in "pqv" else model.purchases, name))
        for name, published in PUBLISHED.items()
    ]


def run(histories: pd.DataFrame) -> dict[str, float]:
    """Seconds of fitting each model, and of a discounted year of every customer."""
    from models.bg_nbd import fit_purchases
    from models.gamma_gamma import fit_spend
    from models.lifetime_value import LifetimeValueModel, predict_lifetime_value

    started = time.perf_counter()
    purchases = fit_purchases(histories)
    bought = time.perf_counter()
    spend = fit_spend(histories)
    fitted = time.perf_counter()
    predict_lifetime_value(LifetimeValueModel(purchases, spend), histories, weeks=WEEKS, discount_rate=0.1)
    return {
        "BG/NBD": bought - started,
        "Gamma-Gamma": fitted - bought,
        "prediction": time.perf_counter() - fitted,
    }


def _simulate(customers: int) -> pd.DataFrame:
    from models.simulation.buyers import BuyingWorld, round_to_days, simulate_buyers

    return round_to_days(simulate_buyers(BuyingWorld(), customers=customers, age=AGE, weeks=1.0, seed=1))


if __name__ == "__main__":
    print(json.dumps(run(_simulate(int(sys.argv[1])))))
