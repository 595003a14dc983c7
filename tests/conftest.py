"""What every test shares: a quiet environment, one Prefect server, and one simulated shop two weeks into its life."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

# Read by Prefect, MLflow and Evidently at import, so set before any of them is.
os.environ |= {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    "PREFECT_TASKS_DEFAULT_NO_CACHE": "true",
    "PREFECT_HOME": tempfile.mkdtemp(prefix="segmentwerk-prefect-"),
    "GIT_PYTHON_REFRESH": "quiet",
}

import pytest
from moved_registry import move_registry

from models.simulation.shop import Shop, simulate_shop
from tasks.simulated_shop import write_config, write_delivery, write_truth

pytest_plugins = ("postgres",)

LAST_DAY = date(2026, 11, 15)
WEEKS = (LAST_DAY - timedelta(weeks=1), LAST_DAY)
TRAINING = """
[training]
segments_min = 4
segments_max = 7
bootstraps = 4
finalists = 3
"""


@dataclass(frozen=True)
class ShopFolder:
    """A shop on disk: what was simulated, its configuration, and the summary of every week that has run."""

    shop: Shop
    folder: Path
    summaries: tuple[dict[str, Any], ...]

    @property
    def config(self) -> Path:
        return self.folder / "segmentwerk.toml"

    @property
    def home(self) -> Path:
        return self.folder / "var"


@pytest.fixture(scope="session", autouse=True)
def _clean_up() -> Iterator[None]:
    yield
    shutil.rmtree(os.environ["PREFECT_HOME"], ignore_errors=True)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A Prefect server of the tests' own; for every test that runs a flow."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def simulated_shop() -> Shop:
    return simulate_shop(customers=700, weeks=40, last_day=LAST_DAY, shift_week=39, seed=1)


@pytest.fixture(scope="session")
def weekly_shop(
    simulated_shop: Shop, prefect_server: None, tmp_path_factory: pytest.TempPathFactory
) -> ShopFolder:
    """Two weekly cycles on the simulated shop. Read-only: a test that changes something takes `shop_copy`."""
    from flows.weekly_retrain import weekly_retrain

    folder = tmp_path_factory.mktemp("weekly") / "shop"
    config = write_config(folder)
    with config.open("a", encoding="utf-8") as file:
        file.write(TRAINING)
    write_truth(simulated_shop, folder / "truth.json")
    summaries = []
    for start, end in zip((None, *WEEKS), WEEKS, strict=False):
        write_delivery(simulated_shop, folder=folder, start=start, end=end)
        summaries.append(weekly_retrain(config=str(config), as_of=end))
    return ShopFolder(simulated_shop, folder, tuple(summaries))


@pytest.fixture
def shop_copy(weekly_shop: ShopFolder, tmp_path: Path) -> ShopFolder:
    """The shop after its two weeks, for one test to change."""
    return copy_shop(weekly_shop, tmp_path / "shop")


def copy_shop(original: ShopFolder, folder: Path) -> ShopFolder:
    """Copy a shop with its lake and registry, so that nothing written to the copy reaches the original."""
    shutil.copytree(original.folder, folder)
    move_registry(folder / "var", was=original.folder, now=folder)
    # What the original handed on is where the original lies; forgetting would visit it there.
    shutil.rmtree(folder / "var" / "lake" / "exports", ignore_errors=True)
    return ShopFolder(original.shop, folder, original.summaries)
