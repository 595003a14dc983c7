"""A promotion killed at any step and started again: registry, lake and reports agree, and there is one champion."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from killing import Killer, Moment
from lake_contents import assert_same_contents, list_runs, read_contents
from promoting import FIRST_DAY, LAST_DAY, train_week, write_eager_shop

from tasks.decisions import list_promotions
from tasks.lake import open_lake
from tasks.simulated_shop import write_delivery

OF_PROMOTION = {"champion": "2", "previous": "1"}
OF_ROLLBACK = {"champion": "1"}
pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Shop:
    """A shop with a champion, its second week taken in and its challenger trained.

    Attributes:
        before: a copy of its folder, from which every case starts.
        week: the file that keeps what was trained.
    """

    folder: Path
    before: Path
    week: Path

    @property
    def config(self) -> str:
        return str(self.folder / "segmentwerk.toml")

    @property
    def home(self) -> Path:
        return self.folder / "var"

    @property
    def finish(self) -> tuple[str, ...]:
        return ("promoting:finish_week", self.config, str(self.week))

    @property
    def weekly(self) -> tuple[str, ...]:
        return ("weekly", "--config", self.config, "--as-of", str(LAST_DAY), "--json")

    def restore(self, copy: Path | None = None) -> None:
        """MLflow keeps absolute paths, so every case has its turn in the same place."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(copy or self.before, self.folder)


@pytest.fixture(scope="module")
def killer(prefect_server: None) -> Iterator[Killer]:
    from prefect.settings import PREFECT_API_URL

    imports = ("promoting", "mlflow", "evidently", "flows.weekly_retrain")
    with Killer(
        imports=imports, environment={"PREFECT_API_URL": PREFECT_API_URL.value() or ""}, patience=300
    ) as one:
        yield one


@pytest.fixture(scope="module")
def shop(killer: Killer, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    root = tmp_path_factory.mktemp("promoted")
    one = Shop(root / "shop", root / "before", root / "week.pickle")
    simulated = write_eager_shop(one.folder, until=FIRST_DAY)
    first = killer.run("weekly", "--config", one.config, "--as-of", str(FIRST_DAY), "--json")
    assert first.code == 0, first.err
    write_delivery(simulated, folder=one.folder, start=FIRST_DAY, end=LAST_DAY)
    second = killer.run("ingest", "--config", one.config, "--json")
    assert second.code == 0, second.err
    shutil.copytree(one.folder, one.before)
    train_week(Path(one.config), LAST_DAY, one.week)
    return one


@dataclass(frozen=True)
class Undisturbed:
    """What became of the shop when nothing disturbed the week, and the moments that passed."""

    folder: Path
    moments: list[Moment]
    contents: dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def promoted(killer: Killer, shop: Shop) -> Undisturbed:
    shop.restore()
    moments = killer.watch(*shop.finish)
    copy = shop.before.with_name("promoted")
    shutil.copytree(shop.folder, copy)
    return Undisturbed(copy, moments, read_contents(shop.home))


def tell_registry(killer: Killer, shop: Shop) -> dict[str, Any]:
    """The registry as the next process finds it."""
    told = killer.run("promoting:tell_registry", shop.config)
    assert told.code == 0, told.err
    found: dict[str, Any] = told.json
    return found


def choose_steps(moments: list[Moment]) -> list[Moment]:
    """Right after every write to the lake and the registry, and around what is no such write.

    Right before a write everything is as it was right after the one before.
    """
    around = (
        "after tasks.promotion.settle_promotions",
        "before tasks.reports.prepare_reports",
        "before tasks.reports.publish_reports",
        "before tasks.reports.refresh_latest",
        "after tasks.reports.publish_reports",
    )
    return [
        moment
        for moment in moments
        if (moment.writes and moment.where.startswith("after")) or moment.where.startswith(around)
    ]


def assert_one_champion(killer: Killer, shop: Shop) -> None:
    """Whatever a killed run left behind, a reader finds one champion that can be used."""
    told = tell_registry(killer, shop)
    assert told["champions"] == [told["loaded"]]


def assert_agreement(killer: Killer, shop: Shop, *, aliases: dict[str, str]) -> None:
    """Registry, lake and report name the same champion, and nothing was made twice."""
    told = tell_registry(killer, shop)
    champion = aliases["champion"]
    assert (told["aliases"], told["versions"]) == (aliases, ["1", "2"])
    assert (told["champions"], told["loaded"]) == ([champion], champion)
    assert list_promotions(open_lake(str(shop.home)))["champion_version"].iloc[-1] == champion
    last = list_runs(shop.home)[-1]["summary"]
    assert last.get("promotion", last)["champion_version"] == champion


def assert_reported(shop: Shop, *, version: str) -> None:
    """The customers of the week, its last finished run and its report are of one version."""
    segments = open_lake(str(shop.home)).table("segments")
    of_week = segments.filter(segments.as_of == LAST_DAY).to_pandas()
    assert set(of_week["model_version"]) == {version}
    # A run that was killed after its commit stands on record beside the one that came after.
    run = [run for run in list_runs(shop.home) if run["flow"] == "weekly-retrain"][-1]
    assert run["summary"]["promotion"]["champion_version"] == version
    for name in (str(LAST_DAY), "latest"):
        page = (shop.home / "reports" / name / "index.html").read_text(encoding="utf-8")
        assert f"Model version {version}, run {run['run_id']}" in page


def test_killed_at_every_step_of_a_promotion(killer: Killer, shop: Shop, promoted: Undisturbed) -> None:
    steps = choose_steps(promoted.moments)
    changed = {step.where for step in steps}
    assert {
        "after MLflow's create_model_version", "after MLflow's set_model_version_tag",
        "after MLflow's set_registered_model_alias", "after MLflow's delete_registered_model_alias",
        "after Delta's write", "after tasks.promotion.settle_promotions",
    } <= changed  # fmt: skip
    assert len(steps) >= 15
    for step in steps:
        shop.restore()
        ending = killer.kill_at(step, *shop.finish)
        assert ending.was_killed, f"{step}: {ending}"
        try:
            assert_one_champion(killer, shop)
            again = killer.run(*shop.finish)
            assert again.code == 0, again.err
            assert_agreement(killer, shop, aliases=OF_PROMOTION)
            assert_reported(shop, version="2")
            assert_same_contents(read_contents(shop.home), promoted.contents)
        except AssertionError as error:
            raise AssertionError(f"killed {step}: {error}") from error


def test_killed_at_every_step_of_a_rollback(killer: Killer, shop: Shop, promoted: Undisturbed) -> None:
    command = ("promoting:roll_back", shop.config)
    shop.restore(promoted.folder)
    steps = choose_steps(killer.watch(*command))
    assert_agreement(killer, shop, aliases=OF_ROLLBACK)
    assert "after MLflow's set_registered_model_alias" in {step.where for step in steps}
    for step in steps:
        shop.restore(promoted.folder)
        assert killer.kill_at(step, *command).was_killed, str(step)
        try:
            assert_one_champion(killer, shop)
            again = killer.run(*command)
            # Had the first attempt put itself on record, the second finds it carried out, and nothing before it.
            assert again.code == 0 or "no previous champion" in again.err, again.err
            assert_agreement(killer, shop, aliases=OF_ROLLBACK)
        except AssertionError as error:
            raise AssertionError(f"killed {step}: {error}") from error


@pytest.mark.parametrize(
    "moment",
    [
        Moment("after MLflow's create_model_version", 1, writes=True),
        Moment("after tasks.lake.Lake.commit", 1, writes=False),
        Moment("after MLflow's set_registered_model_alias", 2, writes=True),
    ],
    ids=str,
)
def test_the_weekly_command_killed_and_started_again(killer: Killer, shop: Shop, moment: Moment) -> None:
    shop.restore()
    ending = killer.kill_at(moment, *shop.weekly)
    assert ending.was_killed, ending.err
    assert_one_champion(killer, shop)
    again = killer.run(*shop.weekly)
    assert again.code == 0, again.err
    assert_agreement(killer, shop, aliases=OF_PROMOTION)
    assert_reported(shop, version="2")
