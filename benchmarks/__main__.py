"""`python -m benchmarks`: measures the demo and the year of real orders, and prints a table."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Cost, measure_command
from benchmarks.orders import find_orders, measure_ingestion, measure_weekly, write_orders

PARTS = ("demo", "orders", "ingestion")


def main() -> None:
    options = _read_options()
    os.environ.setdefault("DO_NOT_TRACK", "true")
    out = Console(width=110)
    out.print(_describe_machine())
    with tempfile.TemporaryDirectory(prefix="segmentwerk-bench-") as scratch:
        folder = Path(scratch)
        if "demo" in options.parts:
            show_cost(
                f"demo, {options.customers:,} customers, warm", measure_demo(folder, options.customers), out
            )
        if not find_orders().exists():
            out.print(f"orders: {find_orders()} is not there; set SEGMENTWERK_DATA_DIR")
            return
        size = "all rows" if options.rows is None else f"{options.rows:,} rows"
        if "orders" in options.parts:
            config = write_orders(folder / "weekly", rows=options.rows)
            show_cost(f"Online Retail, weekly, {size}", measure_weekly(config, as_of=options.as_of), out)
        if "ingestion" in options.parts:
            ours, copied = measure_ingestion(write_orders(folder / "ingest", rows=options.rows))
            out.print(
                f"ingestion of Online Retail, {size}: {ours:.1f} s; DuckDB copies it to Parquet in {copied:.1f} s; "
                f"ratio {ours / copied:.1f}"
            )


def measure_demo(folder: Path, customers: int) -> Cost:
    """The demo when it has run before: files are in the system's cache and Prefect's database is there."""
    demo = folder / "demo"
    measure_command(["demo", "--customers", "300", "--folder", str(demo), "--json"], home=demo / "var")
    return measure_command(
        ["demo", "--customers", str(customers), "--folder", str(demo), "--json"], home=demo / "var"
    )


def show_cost(title: str, cost: Cost, out: Console) -> None:
    """One measurement as a table."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("what")
    table.add_column("cost", justify="right")
    table.add_row("seconds", f"{cost.seconds:.1f}")
    peak = "unknown" if cost.peak_bytes is None else f"{cost.peak_bytes / 2**20:,.0f} MiB"
    table.add_row("peak memory", peak)
    for stage, seconds in cost.stages.items():
        table.add_row(f"  {stage}", f"{seconds:.1f}")
    table.add_row("  start and the rest", f"{cost.seconds - sum(cost.stages.values()):.1f}")
    out.print(table)


def _describe_machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.1f} GiB memory, Python {platform.python_version()}, {platform.system()}"


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--customers", type=int, default=5000, help="customers of the demo's shop")
    parser.add_argument("--rows", type=int, default=None, help="only the first rows of Online Retail")
    parser.add_argument("--as-of", default="2011-11-28", help="last day of the weekly run on Online Retail")
    return parser.parse_args()


if __name__ == "__main__":
    main()
