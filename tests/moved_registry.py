"""MLflow's database keeps absolute paths: a shop that is copied needs them changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def move_registry(home: Path, *, was: Path, now: Path) -> None:
    """Let every path in the registry that lay in one folder lie in another."""
    with closing(sqlite3.connect(home / "mlflow.db")) as database, database:
        tables = [row[0] for row in database.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            for column in [row[1] for row in database.execute(f"pragma table_info('{table}')")]:
                database.execute(
                    f'update "{table}" set "{column}" = replace("{column}", ?, ?) where instr("{column}", ?)',
                    (str(was), str(now), str(was)),
                )
