"""A run killed at any point and started again ends with the same tables as one that nothing disturbed."""

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from killing import Killer, Moment, choose_moments, spread
from lake_contents import assert_same_contents, list_runs, read_contents
from two_deliveries import write_first_delivery, write_second_delivery

MOMENTS = 24


@dataclass(frozen=True)
class Undisturbed:
    """A shop before its second delivery is taken in, and what became of a copy of it that nothing disturbed."""

    before: Path
    moments: list[Moment]
    contents: dict[str, pd.DataFrame]
    runs: list[dict[str, Any]]


def ingest(folder: Path) -> tuple[str, ...]:
    return ("ingest", "--config", str(folder / "segmentwerk.toml"), "--json")


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer() as one:
        yield one


@pytest.fixture(scope="module")
def undisturbed(killer: Killer, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("killed")
    before, other = folder / "before", folder / "undisturbed"
    write_first_delivery(before)
    first = killer.run(*ingest(before))
    assert first.code == 0, first.err
    write_second_delivery(before)
    shutil.copytree(before, other)
    moments = killer.watch(*ingest(other))
    return Undisturbed(before, moments, read_contents(other / "var"), list_runs(other / "var"))


def resume(killer: Killer, undisturbed: Undisturbed, shop: Path) -> None:
    """Run what was interrupted once more, and compare what there is then with the undisturbed run's."""
    interrupted = list_runs(shop / "var")
    again = killer.run(*ingest(shop))
    assert again.code == 0, again.err
    assert_same_contents(read_contents(shop / "var"), undisturbed.contents)
    runs = list_runs(shop / "var")
    assert len(runs) == len(interrupted) + 1
    assert [run["summary"] for run in runs if run["summary"]["read"]] == [
        run["summary"] for run in undisturbed.runs
    ]
    assert list((shop / "var").rglob("scratch/*")) == []


def test_the_second_delivery_has_what_makes_it_hard(undisturbed: Undisturbed) -> None:
    done = undisturbed.runs[-1]["summary"]
    assert min(done[part] for part in ("accepted", "duplicates", "quarantined", "filtered", "merges")) > 0
    assert sum(moment.writes for moment in undisturbed.moments) >= 16


def test_the_same_run_passes_the_same_moments(
    killer: Killer, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    shutil.copytree(undisturbed.before, tmp_path / "shop")
    assert killer.watch(*ingest(tmp_path / "shop")) == undisturbed.moments
    assert_same_contents(read_contents(tmp_path / "shop" / "var"), undisturbed.contents)


def test_killed_around_a_write_and_around_the_commit(
    killer: Killer, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    writes = [moment for moment in undisturbed.moments if moment.writes]
    *_, before_commit, _committed = writes
    for number, moment in enumerate([writes[len(writes) // 2], before_commit]):
        shop = tmp_path / str(number)
        shutil.copytree(undisturbed.before, shop)
        assert killer.kill_at(moment, *ingest(shop)).was_killed, str(moment)
        assert len(list_runs(shop / "var")) == 1, "a run that did not finish is not seen"
        resume(killer, undisturbed, shop)


@pytest.mark.long
def test_killed_at_many_moments(killer: Killer, undisturbed: Undisturbed, tmp_path: Path) -> None:
    chosen = choose_moments(undisturbed.moments, count=MOMENTS)
    assert len(set(chosen)) >= 20
    killed = []
    for moment in chosen:
        shop = tmp_path / "shop"
        shutil.copytree(undisturbed.before, shop)
        ending = killer.kill_at(moment, *ingest(shop))
        assert ending.was_killed, f"{moment}: {ending}"
        killed.append(moment)
        resume(killer, undisturbed, shop)
        shutil.rmtree(shop)
    assert len(set(killed)) >= 20


@pytest.mark.long
def test_killed_twice_before_it_ends(killer: Killer, undisturbed: Undisturbed, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shutil.copytree(undisturbed.before, shop)
    for moment in spread([moment for moment in undisturbed.moments if moment.writes][:-1], 4):
        assert killer.kill_at(moment, *ingest(shop)).was_killed, str(moment)
    resume(killer, undisturbed, shop)


@pytest.mark.long
def test_killed_at_random_moments(killer: Killer, undisturbed: Undisturbed, tmp_path: Path) -> None:
    shutil.copytree(undisturbed.before, tmp_path / "whole")
    seconds = killer.run(*ingest(tmp_path / "whole")).seconds
    draw, killed = random.Random(), 0  # noqa: S311 - other moments every time is what it is for
    for number in range(8):
        shop, delay = tmp_path / str(number), draw.uniform(0.05, 0.9) * seconds
        shutil.copytree(undisturbed.before, shop)
        ending = killer.kill_after(delay, *ingest(shop))
        killed += ending.was_killed
        try:
            resume(killer, undisturbed, shop)
        except AssertionError as error:
            raise AssertionError(f"killed after {delay:.3f} s of {seconds:.3f} s: {error}") from error
    assert killed > 0
