"""What a simulated shop writes is read back by the config beside it, and nothing is lost on the way."""

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from models.simulation.events import KINDS, SOURCES
from models.simulation.mess import FLAWS, count_mess
from models.simulation.shop import Shop, simulate_shop
from models.simulation.truth import Truth
from tasks.simulated_shop import read_truth, write_config, write_delivery, write_truth

LAST_DAY = date(2026, 11, 16)
FIRST_END, SECOND_END = date(2026, 11, 2), date(2026, 11, 9)
ENDS = ((None, FIRST_END), (FIRST_END, SECOND_END), (SECOND_END, LAST_DAY))
READERS = {
    "jsonl": "read_json('{}', format = 'newline_delimited', sample_size = -1)",
    "parquet": "read_parquet('{}')",
    "csv": "read_csv('{}', all_varchar = true, header = true)",
}
NUMBERS = (
    "value",
    "margin",
    "quantity",
    "discount",
    "duration_s",
    "acquisition_cost",
    "control_share",
    "amount",
)
TIMES = ("occurred_at", "first_seen", "starts_at", "ends_at", "assigned_at")


@dataclass(frozen=True)
class Written:
    shop: Shop
    folder: Path
    sources: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    shop = simulate_shop(customers=600, weeks=36, last_day=LAST_DAY, shift_week=34, seed=4)
    folder = tmp_path_factory.mktemp("it's a shop")
    for start, end in ENDS:
        write_delivery(shop, folder=folder, start=start, end=end)
    config = tomllib.loads(write_config(folder).read_text(encoding="utf-8"))
    return Written(shop, folder, {source["name"]: source for source in config["sources"]})


@pytest.fixture
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def read_source(
    engine: duckdb.DuckDBPyConnection, written: Written, name: str, end: date
) -> duckdb.DuckDBPyRelation:
    """One delivery of a source through the config's own expressions, untyped, with keys as `key_<kind>`."""
    source = written.sources[name]
    (file,) = (written.folder / "inbox" / name).glob(f"{end}.*")
    assert file.match(str(written.folder / source["path"]))
    table = next(reader for suffix, reader in READERS.items() if f".{suffix}" in file.name)
    expressions = {f"key_{kind}": sql for kind, sql in source.get("keys", {}).items()} | source["columns"]
    selected = ", ".join(f'({sql}) as "{column}"' for column, sql in expressions.items())
    return engine.sql(f"select {selected} from {table.format(str(file).replace(chr(39), chr(39) * 2))}")


def type_columns(rows: duckdb.DuckDBPyRelation, *, timezone: str | None) -> duckdb.DuckDBPyRelation:
    """Canonical types as a contract would cast them: null where a value does not parse."""

    def read(column: str, kind: str) -> str:
        if column in NUMBERS:
            return f'try_cast("{column}"::varchar as double)'
        if column in TIMES and timezone and not kind.endswith("TIME ZONE"):
            return f"timezone('{timezone}', try_cast(\"{column}\" as timestamp))"
        return f'try_cast("{column}" as timestamptz)' if column in TIMES else f'"{column}"'

    columns = zip(rows.columns, map(str, rows.types), strict=True)
    return rows.select(", ".join(f'{read(column, kind)} as "{column}"' for column, kind in columns))


def read_events(engine: duckdb.DuckDBPyConnection, written: Written, name: str, end: date) -> pd.DataFrame:
    """A delivery's rows, typed, with `broken`: the first rule of the contract a row breaks, or null."""
    source = written.sources[name]
    raw = read_source(engine, written, name, end)
    type_columns(raw, timezone=source.get("timezone")).create_view("typed", replace=True)
    raw_value = '"value"::varchar' if "value" in raw.columns else "null::varchar"
    raw.select(f"{raw_value} as raw_value").create_view("untyped", replace=True)
    value = "value" if "value" in raw.columns else "null"
    keys = ", ".join(f"key_{kind}" for kind in source["keys"])
    known = ", ".join(f"'{kind}'" for kind in KINDS)
    return engine.sql(f"""
        select typed.*, case
            when event_id is null then 'missing_id'
            when occurred_at is null then 'bad_timestamp'
            when occurred_at > timestamptz '2026-12-01 00:00:00+00' then 'future_timestamp'
            when kind is null or kind not in ({known}) then 'unknown_kind'
            when raw_value is not null and {value} is null then 'text_value'
            when {value} < 0 then 'negative_value'
            when coalesce({keys}) is null then 'missing_keys'
            end as broken
        from typed positional join untyped
    """).df()


@pytest.fixture(scope="module")
def delivered(written: Written) -> dict[tuple[str, date], pd.DataFrame]:
    with duckdb.connect() as engine:
        engine.execute("set TimeZone = 'UTC'")
        return {(name, end): read_events(engine, written, name, end) for name in SOURCES for _, end in ENDS}


def test_files_are_named_after_source_and_last_day(written: Written) -> None:
    for name in SOURCES:
        found = sorted(path.name.split(".")[0] for path in (written.folder / "inbox" / name).iterdir())
        assert found == [end.isoformat() for _, end in ENDS]
    campaigns = sorted(path.name for path in (written.folder / "inbox" / "campaigns").iterdir())
    assert campaigns == ["2026-11-02.csv"]  # nothing was planned later, so no file was written later
    assert {path.name for path in (written.folder / "inbox").iterdir()} == set(written.sources)


def test_config_has_the_syntax_of_the_design(written: Written) -> None:
    config = tomllib.loads((written.folder / "segmentwerk.toml").read_text(encoding="utf-8"))
    assert {key: config[key] for key in ("currency", "timezone", "home")} == {
        "currency": "EUR",
        "timezone": "Europe/Berlin",
        "home": "var",
    }
    allowed = {"name", "table", "path", "where", "timezone", "max_bad_share", "keys", "columns"}
    for source in written.sources.values():
        assert set(source) <= allowed
        assert source["max_bad_share"] == 0.05
        assert ("keys" in source) == (source.get("table", "events") not in ("campaigns", "costs"))
    assert [s.get("table", "events") for s in written.sources.values()].count("events") == 5
    text = (written.folder / "segmentwerk.toml").read_text(encoding="utf-8")
    assert text.count("[[sources]]\n# ") == len(written.sources)


def test_every_kind_of_every_source_is_mapped(delivered: dict[tuple[str, date], pd.DataFrame]) -> None:
    clean = pd.concat([rows.loc[rows["broken"].isna(), ["kind"]] for rows in delivered.values()])
    assert set(clean["kind"]) == set(KINDS)


@pytest.mark.parametrize(("start", "end"), ENDS)
def test_broken_and_doubled_rows_are_exactly_those_of_the_truth(
    delivered: dict[tuple[str, date], pd.DataFrame], written: Written, start: date | None, end: date
) -> None:
    told = count_mess(written.shop.truth.mess, start=start, end=end)
    for name in SOURCES:
        rows = delivered[(name, end)]
        found = rows["broken"].value_counts().reindex(list(FLAWS), fill_value=0)
        assert found.to_dict() == told.loc[name, list(FLAWS)].to_dict(), name
        good = rows[rows["broken"].isna()]
        before = [delivered[(name, e)]["event_id"] for _, e in ENDS if e < end]
        seen = pd.concat([*before, pd.Series(dtype="str")])
        doubled = good["event_id"].duplicated() | good["event_id"].isin(seen)
        assert doubled.sum() == told.loc[name, "duplicates"], name
        assert found.sum() / len(rows) < 0.05
    assert told["quarantined"].sum() > 0


def test_late_rows_are_those_of_the_truth(
    delivered: dict[tuple[str, date], pd.DataFrame], written: Written
) -> None:
    told = count_mess(written.shop.truth.mess, start=FIRST_END, end=SECOND_END)
    for name in SOURCES:
        rows = delivered[(name, SECOND_END)]
        good = rows[rows["broken"].isna() & ~rows["event_id"].isin(delivered[(name, FIRST_END)]["event_id"])]
        days = good.drop_duplicates("event_id")["occurred_at"].dt.tz_convert("Europe/Berlin").dt.date
        assert (days <= FIRST_END).sum() == told.loc[name, "late"], name
    assert told["late"].sum() > 5


@pytest.mark.parametrize("name", SOURCES)
def test_mapping_loses_nothing(
    delivered: dict[tuple[str, date], pd.DataFrame], written: Written, name: str
) -> None:
    """Good rows, each once, are the simulator's own events, in every canonical column and key."""
    rows = pd.concat([delivered[(name, end)] for _, end in ENDS], ignore_index=True)
    rows = rows[rows["broken"].isna()].drop_duplicates("event_id")
    rows["event_id"] = rows["event_id"].str[1:].astype(int)
    rows = rows.sort_values("event_id", ignore_index=True)
    events = written.shop.events
    told = events[(events["source"] == name) & (events["delivered_on"] <= pd.Timestamp(LAST_DAY))]
    told = told.sort_values("event_id", ignore_index=True)
    assert list(rows["event_id"]) == list(told["event_id"])
    assert (rows["occurred_at"].astype("int64") // 10**6 == told["occurred_at"].astype("int64")).all()
    for column in ("value", "margin", "quantity", "discount", "duration_s"):
        known = told[column].notna()
        if column not in rows:
            assert not known.any(), column
        else:
            np.testing.assert_allclose(rows[column].astype(float), told[column], err_msg=column)
    texts = [
        "kind",
        "category",
        "device",
        "channel",
        "campaign_id",
        *told.filter(regex="^key_").columns,
    ]
    for column in map(str, texts):
        if column in rows:
            pd.testing.assert_series_equal(
                rows[column].astype("object").where(rows[column].notna(), None),
                told[column].astype("object").where(told[column].notna(), None),
                check_names=False,
            )
        else:
            assert not told[column].notna().any(), column
    for column in ("order_id", "session_id"):
        if column in rows:
            number = pd.to_numeric(rows[column].str[1:]).astype("Int64")
            pd.testing.assert_series_equal(number, told[column], check_names=False)
        else:
            assert not told[column].notna().any(), column


def test_keys_join_each_persons_sources_and_never_two_people(
    engine: duckdb.DuckDBPyConnection, delivered: dict[tuple[str, date], pd.DataFrame], written: Written
) -> None:
    rows = [frame[frame["broken"].isna()] for frame in delivered.values()]
    rows += [
        read_source(engine, written, "customers", end).df()
        for _, end in ENDS
        if list((written.folder / "inbox" / "customers").glob(f"{end}.*"))
    ]
    keys = written.shop.truth.keys
    node = {pair: number for number, pair in enumerate(zip(keys["key_kind"], keys["key_value"], strict=True))}
    edges: set[tuple[int, int]] = set()
    met: set[int] = set()
    for frame in rows:
        own = frame.filter(regex="^key_").drop_duplicates()
        for values in own.itertuples(index=False):
            held = [
                node[(column.removeprefix("key_"), value)]
                for column, value in zip(own.columns, values, strict=True)
                if isinstance(value, str)
            ]
            met.update(held)
            edges.update((held[0], other) for other in held[1:])
    pairs = np.array(sorted(edges))
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(keys), len(keys)))
    _, component = connected_components(graph, directed=False)
    person = keys["person"].to_numpy()
    seen = np.array(sorted(met))
    found = pd.DataFrame({"component": component[seen], "person": person[seen]}).drop_duplicates()
    assert found["component"].is_unique  # no component holds two people
    assert set(found["person"]) == set(range(600))
    assert found["person"].nunique() <= len(found) <= 1.01 * 600


def test_other_tables_read_back(engine: duckdb.DuckDBPyConnection, written: Written) -> None:
    shop = written.shop
    campaigns = type_columns(
        read_source(engine, written, "campaigns", FIRST_END), timezone="Europe/Berlin"
    ).df()
    for column in ("starts_at", "ends_at"):
        assert (campaigns[column] == shop.campaigns[column]).all()
    assert list(campaigns["control_share"]) == list(shop.campaigns["control_share"])
    customers = pd.concat(
        type_columns(read_source(engine, written, "customers", path_end), timezone=None).df()
        for _, path_end in ENDS
        if list((written.folder / "inbox" / "customers").glob(f"{path_end}.*"))
    ).reset_index(drop=True)
    assert list(customers["key_crm"]) == list(shop.customers["key_crm"])
    assert (customers["first_seen"] == shop.customers["first_seen"]).all()
    np.testing.assert_allclose(customers["acquisition_cost"], shop.customers["acquisition_cost"])
    consent = shop.customers["consent_profiling"].map({"yes": True, "no": False, "": None})
    assert (customers["consent_profiling"].isna() == consent.isna()).all()
    assert (customers["consent_profiling"].dropna() == consent.dropna()).all()
    assignments = read_source(engine, written, "assignments", FIRST_END).df()
    assert list(assignments["key_crm"]) == list(shop.assignments["key_crm"])
    assert list(assignments["arm"]) == list(shop.assignments["arm"])
    costs = [type_columns(read_source(engine, written, "costs", end), timezone=None).df() for _, end in ENDS]
    assert pd.concat(costs)["amount"].sum() == pytest.approx(shop.costs["amount"].sum())


def test_same_shop_gives_the_same_bytes(written: Written, tmp_path: Path) -> None:
    again = simulate_shop(customers=600, weeks=36, last_day=LAST_DAY, shift_week=34, seed=4)
    paths = write_delivery(again, folder=tmp_path, start=None, end=FIRST_END)
    assert len(paths) == 9
    for path in paths:
        before = written.folder / path.relative_to(tmp_path)
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(before.read_bytes()).digest(), (
            path
        )
    assert write_config(tmp_path).read_bytes() == (written.folder / "segmentwerk.toml").read_bytes()
    assert write_truth(again, tmp_path / "1.json").read_bytes() == (
        write_truth(written.shop, tmp_path / "2.json").read_bytes()
    )


@pytest.mark.parametrize("shift_week", [None, 9])
def test_truth_is_read_back_as_it_was(tmp_path: Path, shift_week: int | None) -> None:
    shop = simulate_shop(customers=150, weeks=12, last_day=LAST_DAY, shift_week=shift_week, seed=1)
    truth = read_truth(write_truth(shop, tmp_path / "deep" / "truth.json"))
    for field in fields(Truth):
        told, found = getattr(shop.truth, field.name), getattr(truth, field.name)
        if isinstance(told, pd.DataFrame):
            numbers_and_texts = [column for column in told if column not in ("channels", "categories")]
            pd.testing.assert_frame_equal(found[numbers_and_texts], told[numbers_and_texts])
        else:
            assert found == told


def test_tiny_shop_with_empty_columns_can_be_read(tmp_path: Path, engine: duckdb.DuckDBPyConnection) -> None:
    shop = simulate_shop(customers=2, weeks=8, last_day=LAST_DAY, seed=2)
    paths = write_delivery(shop, folder=tmp_path, start=None, end=LAST_DAY)
    config = tomllib.loads(write_config(tmp_path).read_text(encoding="utf-8"))
    tiny = Written(shop, tmp_path, {source["name"]: source for source in config["sources"]})
    names = {path.parent.name for path in paths}
    assert names < set(tiny.sources)  # some sources have nothing to deliver and write no file
    read = sum(len(read_source(engine, tiny, name, LAST_DAY).df()) for name in names & set(SOURCES))
    delivered_rows = shop.events["delivered_on"] <= pd.Timestamp(LAST_DAY)
    assert read == delivered_rows.sum() + len(shop.mess) > 5


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (
            None,
            date(2026, 11, 17),
            "end must lie within 2026-03-10 to 2026-11-16, the shop's days; got 2026-11-17",
        ),
        (None, date(2025, 1, 1), "got 2025-01-01"),
        (SECOND_END, SECOND_END, r"start must lie before end \(2026-11-09\), got 2026-11-09"),
    ],
)
def test_days_outside_the_shop_are_refused(
    written: Written, tmp_path: Path, start: date | None, end: date, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_delivery(written.shop, folder=tmp_path, start=start, end=end)
    assert list(tmp_path.iterdir()) == []
