"""The lakes of earlier versions that are kept for tests, and the script that made them.

    PYTHONPATH=. python tests/old_lakes.py tests/fixtures/lake_schema_2.tar.xz

writes the one of the program that runs it: a simulated shop of sixty customers after one weekly run, with its model,
and what its sources deliver the week after in `next/`. A lake is made once, by the last program of its schema, and then
never again: that is what it is for. The one of schema 1 was made by the program before lakes had a schema version.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tarfile
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

from moved_registry import move_registry

from tasks.pseudonyms import KEY_FILE

FIXTURES = Path(__file__).parent / "fixtures"
LAST_DAY = date(2026, 11, 15)
FIRST_DAY = LAST_DAY - timedelta(weeks=1)
# Where it is made. Paths of it are kept in MLflow's database and among the deliveries; nobody's home is to be.
PLACE = Path("/tmp/segmentwerk-old-lake")  # noqa: S108
KEY = "the key of a simulated shop, which protects nobody"
SETTINGS = """
[training]
algorithms = ["kmeans"]
preparations = ["balanced"]
segments_min = 3
segments_max = 4
trials = 2
bootstraps = 2
finalists = 1
stability_mean = 0.0
stability_min = 0.0
smallest_share = 0.0
[promotion]
stability_mean = 0.0
stability_min = 0.0
population_min = 0.1
"""
KEPT = ("segmentwerk.toml", "next", "var/lake", "var/mlflow.db", "var/artifacts", "var/pseudonym.key")


def write_old_lake(file: Path) -> None:
    """Make the shop, run its first week, and pack what a later program needs of it."""
    from flows.prefect_server import set_defaults, start_server
    from models.simulation.shop import simulate_shop
    from tasks.simulated_shop import write_config, write_delivery

    shutil.rmtree(PLACE, ignore_errors=True)
    shop = simulate_shop(customers=60, weeks=16, last_day=LAST_DAY, seed=3)
    config = write_config(PLACE)
    with config.open("a", encoding="utf-8") as added:
        added.write(SETTINGS)
    write_delivery(shop, folder=PLACE, start=None, end=FIRST_DAY)
    write_delivery(shop, folder=PLACE / "next", start=FIRST_DAY, end=LAST_DAY)
    key = PLACE / "var" / "pseudonym.key"
    key.parent.mkdir()
    key.write_text(KEY, encoding="ascii")
    set_defaults(home=str(PLACE / "var"), debug=False)
    # MLflow writes down from where it was called, and by what.
    os.chdir(PLACE)
    sys.argv = ["segmentwerk"]
    server = start_server()
    server.join()
    from flows.weekly_retrain import weekly_retrain

    weekly_retrain(config=str(config), as_of=FIRST_DAY)
    _take_out_wheel(PLACE / "var")
    with closing(sqlite3.connect(PLACE / "var" / "mlflow.db")) as database:
        database.execute("vacuum")
    with tarfile.open(file, "w:xz") as packed:
        for name in KEPT:
            packed.add(PLACE / name, arcname=name, filter=_make_anonymous)
    os.chdir("/")
    shutil.rmtree(PLACE)


def _take_out_wheel(home: Path) -> None:
    """Models bring a wheel for programs that load them elsewhere. It is most of the weight, early models had none, and
    the digest of a model's files is made without it then."""
    from tasks.model_files import DIGEST_TAG
    from tasks.registry import open_registry, tag_version
    from tasks.segments_model import digest_files

    (wheel,) = home.rglob("*.whl")
    wheel.unlink()
    tag_version(open_registry(home), "1", {DIGEST_TAG: digest_files(wheel.parent)})


def _make_anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def unpack_old_lake(schema: int, folder: Path) -> Path:
    """The shop of a schema in a folder of a test's own, with nothing in its inbox yet; its configuration."""
    with tarfile.open(FIXTURES / f"lake_schema_{schema}.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    # An archive that anybody can read says so of what is in it.
    (folder / "var" / KEY_FILE).chmod(0o600)
    move_registry(folder / "var", was=PLACE, now=folder)
    return folder / "segmentwerk.toml"


def deliver_next_week(folder: Path) -> None:
    """What the shop's sources deliver in the week after; a heading alone where there is nothing new."""
    from models.simulation.feeds import FEEDS

    shutil.copytree(folder / "next" / "inbox", folder / "inbox")
    for feed in FEEDS:
        place = folder / "inbox" / feed.name
        if not place.exists():
            place.mkdir()
            (place / f"{LAST_DAY}.{feed.suffix}").write_text(",".join(feed.select) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_old_lake(Path(sys.argv[1]).resolve())
