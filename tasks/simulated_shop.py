"""Writes a simulated shop as its sources would deliver it, a config that reads this, and the truth apart."""

import json
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from models.simulation.feeds import ASSIGNMENTS, CAMPAIGNS, COSTS, CUSTOMERS, EVENT_FEEDS, FEEDS, Feed
from models.simulation.shop import Shop
from models.simulation.truth import Truth

MAX_BAD_SHARE = 0.05  # above `models.simulation.mess.WORST_SHARE`


def write_delivery(shop: Shop, *, folder: Path, start: date | None, end: date) -> tuple[Path, ...]:
    """Write what the shop's sources deliver on the days after `start` (None: from the beginning) until `end`.

    Files are `folder/inbox/<source>/<end>.<suffix>`, one a source; a source with nothing to deliver writes
    none. Returns the files written. The same shop and days give the same bytes. Raises ValueError if `end`
    lies outside the days of the shop or not after `start`.
    """
    _check_days(shop, start=start, end=end)
    written = []
    with duckdb.connect() as engine:
        engine.execute("set TimeZone = 'UTC'")
        for feed, rows in _collect_rows(shop, start=start, end=end):
            if len(rows):
                path = folder / "inbox" / feed.name / f"{end.isoformat()}.{feed.suffix}"
                _write_file(engine, feed, rows, path=path, timezone=shop.timezone)
                written.append(path)
    return tuple(written)


def write_config(folder: Path, *, currency: str = "EUR", timezone: str = "Europe/Berlin") -> Path:
    """Write `folder/segmentwerk.toml`, the config that reads the deliveries there; return its path."""
    head = f"""\
# A simulated shop: five sources of events, and what the shop knows of customers and campaigns.
currency = "{currency}"
timezone = "{timezone}"
home = "var"
"""
    path = folder / "segmentwerk.toml"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "\n".join([head, *(_describe_feed(feed, timezone=timezone) for feed in FEEDS)]), encoding="utf-8"
    )
    return path


def write_truth(shop: Shop, path: Path) -> Path:
    """Write the truth about `shop` to one JSON file, which `read_truth` reads back; return its path."""
    truth = {field.name: _to_plain(getattr(shop.truth, field.name)) for field in fields(Truth)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(truth), encoding="utf-8")
    return path


def read_truth(path: Path) -> Truth:
    """Read what `write_truth` wrote."""
    plain: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    shift_on = plain.pop("shift_on")
    plain["shift_on"] = None if shift_on is None else pd.Timestamp(shift_on)
    frames: dict[str, Any] = {
        name: _from_plain(value) for name, value in plain.items() if isinstance(value, dict)
    }
    return Truth(**plain | frames)


def _check_days(shop: Shop, *, start: date | None, end: date) -> None:
    if not shop.first_day <= end <= shop.last_day:
        raise ValueError(
            f"end must lie within {shop.first_day} to {shop.last_day}, the shop's days; got {end}"
        )
    if start is not None and start >= end:
        raise ValueError(f"start must lie before end ({end}), got {start}")


def _collect_rows(shop: Shop, *, start: date | None, end: date) -> list[tuple[Feed, pd.DataFrame]]:
    """The rows each feed delivers on the days after `start` until `end`, in the simulator's own columns."""

    def select(frame: pd.DataFrame, day: pd.Series) -> pd.DataFrame:
        delivered = day <= pd.Timestamp(end)
        return frame[delivered if start is None else delivered & (day > pd.Timestamp(start))]

    def tell_day(moment: pd.Series) -> pd.Series:
        return moment.dt.tz_convert(shop.timezone).dt.tz_localize(None).dt.normalize()

    good, bad = (select(frame, frame["delivered_on"]) for frame in (shop.events, shop.mess))
    rows = pd.concat([good.assign(flaw=""), bad], ignore_index=True)
    rows = rows.sort_values(["delivered_on", "occurred_at", "event_id"], kind="stable", ignore_index=True)
    return [
        *((feed, rows[rows["source"] == feed.name]) for feed in EVENT_FEEDS),
        (CUSTOMERS, select(shop.customers, tell_day(shop.customers["first_seen"]))),
        (CAMPAIGNS, select(shop.campaigns, shop.campaigns["planned_on"])),
        (ASSIGNMENTS, select(shop.assignments, tell_day(shop.assignments["assigned_at"]))),
        (COSTS, select(shop.costs, shop.costs["day"])),
    ]


def _write_file(
    engine: duckdb.DuckDBPyConnection, feed: Feed, rows: pd.DataFrame, *, path: Path, timezone: str
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(f'{sql} as "{name}"' for name, sql in feed.select.items())
    target = str(path).replace("'", "''")
    engine.register("delivered", rows)
    query = f"select {columns} from delivered".replace("$timezone", f"'{timezone}'")
    engine.execute(f"copy ({query}) to '{target}' ({feed.copy_options})")
    engine.unregister("delivered")


def _describe_feed(feed: Feed, *, timezone: str) -> str:
    lines = ["[[sources]]", f"# {feed.comment}", f'name = "{feed.name}"']
    if feed.table != "events":
        lines.append(f'table = "{feed.table}"')
    lines.append(f'path = "inbox/{feed.name}/*.{feed.suffix}"')
    if feed.local_time:
        lines.append(f'timezone = "{timezone}"')
    lines.append(f"max_bad_share = {MAX_BAD_SHARE}")
    if feed.keys:
        lines += ["[sources.keys]", *(_assign_text(name, sql) for name, sql in feed.keys.items())]
    lines += ["[sources.columns]", *(_assign_text(name, sql) for name, sql in feed.columns.items())]
    return "\n".join(lines) + "\n"


def _assign_text(name: str, sql: str) -> str:
    return f'{name} = """\n{sql}"""' if "\n" in sql else f'{name} = "{sql}"'


def _to_plain(value: object) -> object:
    """A frame as a dict of columns, days as ISO text; anything else as JSON can hold it."""
    if isinstance(value, pd.DataFrame):
        return {str(name): _list_column(value[name]) for name in value.columns}
    return value.date().isoformat() if isinstance(value, pd.Timestamp) else value


def _list_column(column: pd.Series) -> list[Any]:
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column.dt.strftime("%Y-%m-%d")
    return column.astype(object).where(column.notna(), None).tolist()


def _from_plain(columns: dict[str, list[Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    for name in [name for name in columns if name.endswith("_on")]:
        frame[name] = pd.to_datetime(frame[name]).dt.as_unit("s")
    return frame
