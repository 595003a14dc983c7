"""The hold-out in the lake: drawn once a quarter, never smaller, and moved along when customers are merged."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import binomtest
from small_lake import DAY, MOMENT, change, name_customer, write_shop
from test_ingestion import shop, write_csv

from models.identity import hash_key
from tasks.holdout import draw_holdout, read_holdout
from tasks.ingestion import ingest_sources
from tasks.lake import begin_run, open_lake, write_lake
from tasks.staging import ShopRules

PEOPLE = 2000
QUARTER = "2026-Q4"


@pytest.fixture(scope="module")
def written_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("shop") / "var"
    write_shop(home, customers=PEOPLE)
    return home


@pytest.fixture
def home(written_shop: Path, tmp_path: Path) -> Path:
    return shutil.copytree(written_shop, tmp_path / "var")


def draw(home: Path, *, share: float = 0.05, quarters: tuple[str, ...] = (QUARTER,)) -> dict[str, int]:
    with write_lake(str(home)) as lake:
        counts = draw_holdout.fn(lake, quarters, share=share, drawn_at=MOMENT)
        lake.commit(begin_run("test", DAY), {})
    return counts


def read(home: Path, day: date = DAY) -> set[str]:
    return set(read_holdout(open_lake(str(home)), day).to_pandas()["customer_id"])


def read_stored(home: Path) -> pd.DataFrame:
    return open_lake(str(home)).table("holdout").to_pandas()


def add_customers(home: Path, numbers: range) -> None:
    identities = open_lake(str(home)).table("identities").to_pandas()
    new = pd.DataFrame(
        {
            "key_kind": "email",
            "key_hash": [
                hash_key("email", f"new{number}@shop.example", secret=b"secret") for number in numbers
            ],
            "customer_id": [name_customer(number) for number in numbers],
            "since": 2,
            "shared": False,
        }
    )
    both = pd.concat([identities, new], ignore_index=True)
    change(home, identities=both.astype({"since": "Int64", "shared": "boolean"}))


def test_the_share_is_right_within_chance_and_drawing_again_changes_nothing(home: Path) -> None:
    counts = draw(home)
    held, stored = read(home), read_stored(home)
    assert binomtest(len(held), PEOPLE, 0.05).pvalue > 0.001
    assert counts == {QUARTER: len(held)}
    assert set(stored["customer_id"]) == held
    assert set(stored["quarter"]) == {QUARTER}
    assert stored["customer_id"].is_unique
    assert draw(home) == counts
    pd.testing.assert_frame_equal(read_stored(home), stored)


def test_who_comes_later_in_the_quarter_joins_by_the_same_rule_before_and_after_the_next_draw(
    home: Path,
) -> None:
    draw(home)
    before = read(home)
    add_customers(home, range(PEOPLE, 2 * PEOPLE))
    after = read(home)
    assert before < after
    assert binomtest(len(after - before), PEOPLE, 0.05).pvalue > 0.001
    draw(home)
    assert read(home) == after == set(read_stored(home)["customer_id"])


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3])
def test_a_quarter_that_has_been_drawn_keeps_its_share(home: Path, share: float) -> None:
    draw(home)
    held = read(home)
    draw(home, share=share)
    assert read(home) == held
    assert set(read_stored(home)["share"]) == {0.05}


def test_every_quarter_has_a_draw_of_its_own(home: Path) -> None:
    draw(home, quarters=(QUARTER, "2027-Q1"))
    autumn, winter = read(home), read(home, date(2027, 2, 1))
    assert autumn != winter
    assert read(home, date(2027, 4, 1)) == set()
    assert len(read_stored(home)) == len(autumn) + len(winter)


def test_nobody_is_held_out_before_a_draw_or_where_the_share_is_nothing(home: Path) -> None:
    assert read(home) == set()
    assert draw(home, share=0.0) == {QUARTER: 0}
    assert read(home) == set()


def test_a_held_out_customer_who_turns_out_to_be_another_stays_held_out(tmp_path: Path) -> None:
    home = tmp_path / "var"

    def own(number: int) -> str:
        known = open_lake(str(home)).table("identities").to_pandas().set_index("key_hash")["customer_id"]
        return str(known[hash_key("card", f"card{number}", secret=b"secret")])

    take_in(tmp_path, [f"{n},2026-05-01 10:00,purchase,5,p{n}@shop.example,card{n}" for n in range(60)])
    draw(home, share=0.3)
    first = read(home)
    held = [number for number in range(60) if own(number) in first]
    free = [number for number in range(60) if number not in held]
    pairs = list(zip(held, free, strict=False))
    assert len(pairs) >= 8
    take_in(
        tmp_path,
        [f"{100 + h},2026-05-02 10:00,purchase,5,p{h}@shop.example,card{f}" for h, f in pairs],
        "2.csv",
    )
    assert {own(h) for h, _f in pairs} == {own(f) for _h, f in pairs}
    present = {own(number) for number in held}
    assert present != first
    assert read(home) == present == set(read_stored(home)["customer_id"])


def take_in(folder: Path, rows: list[str], name: str = "1.csv") -> None:
    write_csv(folder, name, *rows)
    with write_lake(str(folder / "var")) as lake:
        ingest_sources.fn(lake, (shop(),), base=str(folder), rules=ShopRules(secret=b"secret"))
        lake.commit(begin_run("ingest", DAY), {})
