"""A year of real orders: the weekly run, and what ingestion costs beside the least that reading the file can cost."""

from __future__ import annotations

import os
import time
from pathlib import Path

import duckdb

from benchmarks.measure import Cost, measure_command

PROJECT = Path(__file__).resolve().parent.parent
AS_OF = "2011-11-28"


def find_orders() -> Path:
    """`online_retail.csv.gz`, in `SEGMENTWERK_DATA_DIR` or where the example looks for it."""
    folder = Path(os.environ.get("SEGMENTWERK_DATA_DIR", PROJECT.parent / "shared" / "data"))
    return folder / "online_retail.csv.gz"


def write_orders(folder: Path, *, rows: int | None) -> Path:
    """The example's configuration and its file, or the first `rows` of it, in a folder of their own."""
    folder.mkdir(parents=True)
    source = f"read_csv('{find_orders()}', all_varchar = true)"
    limit = "" if rows is None else f" limit {rows}"
    if rows is None:
        (folder / "online_retail.csv.gz").symlink_to(find_orders())
    else:
        target = folder / "online_retail.csv.gz"
        duckdb.sql(f"copy (select * from {source}{limit}) to '{target}' (header, compression gzip)")
    example = (PROJECT / "examples" / "online_retail.toml").read_text(encoding="utf-8")
    text = example.replace("${SEGMENTWERK_DATA_DIR:-../../shared/data}/", "")
    text = text.replace('home = "../var/online_retail"', 'home = "var"')
    if rows is not None:
        text = text.replace("max_bad_share = 0.26", "max_bad_share = 0.9")
    config = folder / "segmentwerk.toml"
    config.write_text(text, encoding="utf-8")
    return config


def measure_weekly(config: Path, *, as_of: str = AS_OF) -> Cost:
    """The whole weekly run on an empty lake."""
    arguments = ["weekly", "--config", str(config), "--as-of", as_of, "--json"]
    return measure_command(arguments, home=config.parent / "var")


def measure_ingestion(config: Path) -> tuple[float, float]:
    """Seconds of ingestion within this process, and of DuckDB copying the same file to Parquet."""
    from flows.settings import load_settings
    from flows.views import ingest_now

    file = config.parent / "online_retail.csv.gz"
    started = time.monotonic()
    with duckdb.connect() as con:
        target = config.parent / "copy.parquet"
        con.execute(f"copy (from read_csv('{file}', all_varchar = true)) to '{target}' (format parquet)")
    copied = time.monotonic() - started
    started = time.monotonic()
    ingest_now(load_settings(config))
    return time.monotonic() - started, copied
