"""The simulated shops that several files of this folder look at; nobody changes them."""

from datetime import date

import pytest

from models.simulation.shop import Shop, simulate_shop

LAST_DAY = date(2026, 11, 16)


@pytest.fixture(scope="session")
def shop() -> Shop:
    return simulate_shop(last_day=LAST_DAY, seed=3)


@pytest.fixture(scope="session")
def shifted() -> Shop:
    return simulate_shop(customers=2500, last_day=LAST_DAY, shift_week=44, seed=3)
