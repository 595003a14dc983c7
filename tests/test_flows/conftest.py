"""The command line as a test sees it, and a shop of a few orders written by hand."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tasks.lake import open_lake

CONFIG = """\
[[sources]]
name = "shop"
path = "orders.csv"
[sources.keys]
email = "mail"
[sources.columns]
event_id = "id"
occurred_at = "ts"
kind = "kind"
value = "amount"
"""
HEADER = "id,ts,kind,amount,mail"


@dataclass(frozen=True)
class Answer:
    """What a command left: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on standard output; anything beside it is an error here."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


@pytest.fixture
def command() -> Callable[..., Answer]:
    """Runs `segmentwerk …` in this process."""
    from flows.cli import app

    def run(*arguments: object) -> Answer:
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        return Answer(result.exit_code, result.stdout, result.stderr)

    return run


def write_orders(folder: Path, *rows: str, config: str = CONFIG) -> Path:
    """A folder with `orders.csv` and the configuration that reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "orders.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    path = folder / "segmentwerk.toml"
    path.write_text(config, encoding="utf-8")
    return path


def look_at(home: Path) -> dict[str, Any]:
    """What a reader can see of a shop: tables, runs, weeks with reports, and the champion."""
    lake = open_lake(str(home))
    reports = home / "reports"
    return {
        "tables": {name: int(lake.table(name).count().execute()) for name in lake.versions},
        "runs": lake.runs()["run_id"].to_pylist(),
        "reports": sorted(path.name for path in reports.iterdir()) if reports.exists() else [],
        "champion": read_champion(home),
    }


def read_champion(home: Path) -> str | None:
    """The version with the alias `champion`."""
    if not (home / "mlflow.db").exists():
        return None
    from tasks.registry import load_segmenter, open_registry

    found = load_segmenter(open_registry(home), "champion")
    return found.version if found else None
