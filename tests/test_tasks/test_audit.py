"""The audit of real files: what a run would take in, with nothing left behind."""

import tempfile
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pytest

from flows.settings import load_settings
from flows.terminal import show_audit
from flows.views import ingest_now, profile_sources
from models.factors import load_families
from models.mapping import NO_KEY, Source
from models.rollups import COUNTED_KINDS, Rollups, roll_up
from models.schemas import list_columns
from monitoring.data_audit import DataAudit
from monitoring.data_support import Needs
from tasks.audit import _FILLED_BY, audit_data, list_columns_read
from tasks.engines import EngineSettings
from tasks.sources import SourceError
from tasks.staging import ShopRules

UNTIL = date(2026, 5, 20)
NEEDS = Needs(
    outcome_days=90, longest_window=180, churn_days=60, customers_min=40, alpha=0.05, margin_rate=None,
    consent_default=True,
)  # fmt: skip


def orders(name: str = "shop", **changes: Any) -> Source:
    columns = {"event_id": "id", "occurred_at": "ts", "kind": "kind", "value": "amount"}
    given = {"name": name, "path": f"{name}.csv", "keys": {"email": "mail"}, "columns": columns}
    return Source(**(given | changes))


def write_orders(folder: Path, name: str, *rows: str) -> None:
    (folder / f"{name}.csv").write_text("\n".join(["id,ts,kind,amount,mail", *rows]) + "\n", encoding="utf-8")


def write_config(folder: Path, *rows: str) -> Path:
    """A shop of orders alone, and the configuration that reads them."""
    folder.mkdir()
    write_orders(folder, "shop", *rows)
    config = folder / "segmentwerk.toml"
    config.write_text(
        '[[sources]]\nname = "shop"\npath = "shop.csv"\n[sources.keys]\nemail = "mail"\n'
        '[sources.columns]\nevent_id = "id"\noccurred_at = "ts"\nkind = "kind"\nvalue = "amount"\n',
        encoding="utf-8",
    )
    return config


def buy(number: int, person: str, *, days_ago: int = 0, kind: str = "purchase", amount: object = 10) -> str:
    moment = datetime(UNTIL.year, UNTIL.month, UNTIL.day, 12) - timedelta(days=days_ago)
    mail = f"{person}@x.org" if person else ""
    return f"{number},{moment:%Y-%m-%d %H:%M},{kind},{amount},{mail}"


def audit(folder: Path, *sources: Source, **changes: Any) -> DataAudit:
    rules = ShopRules(secret=b"passing", timezone="Europe/Berlin")
    return audit_data(
        sources or (orders(),), base=str(folder), rules=rules, engine=EngineSettings(), until=UNTIL,
        needs=replace(NEEDS, **changes),
    )  # fmt: skip


def list_tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every path below a folder with its size and the moment it was written."""
    return {str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*")}


@pytest.fixture
def passing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which temporary folders are made."""
    folder = tmp_path / "passing"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_young_shop_of_orders_alone(tmp_path: Path, passing: Path) -> None:
    write_orders(tmp_path, "shop", *(buy(n, f"p{n % 7}", days_ago=n) for n in range(20)))
    found = audit(tmp_path)
    assert (found.as_of, found.customers) == (UNTIL, 7)
    assert found.history is not None
    assert (found.history.days, found.history.weeks, found.history.events) == (20, 2, 20)
    verdicts = {support.name: support.ok for support in found.support}
    refused = (
        "outcomes",
        "longest_window",
        "season",
        "churn",
        "segments",
        "experiment",
        "campaigns",
        "margin",
    )
    assert [name for name in refused if verdicts[name]] == []
    assert (verdicts["clean"], verdicts["current"]) == (True, True)
    coverage = {family.name: family for family in found.families}
    assert coverage["monetary"].coverage == 1.0
    assert coverage["sessions"].coverage == 0.0
    assert coverage["sessions"].needs == ("events with a `session_id`",)
    assert coverage["service"].needs == ("events of kind support_ticket or complaint",)
    assert coverage["returns"].needs == ("refunds with a `value`",)
    assert coverage["categories"].needs == ("events with a `category`",)
    assert coverage["channels"].needs == ("events with a `channel`", "events with a `device`")
    assert coverage["funnel"].needs == ("events of kind add_to_cart or checkout or product_view",)
    assert list(passing.iterdir()) == []


def test_a_source_that_would_stop_a_run_does_not_end_the_audit(tmp_path: Path, passing: Path) -> None:
    good = [buy(n, f"p{n}") for n in range(6)]
    bad = [buy(10, ""), buy(11, ""), buy(12, "p1", amount="much"), buy(13, "p2", kind="waltz")]
    write_orders(tmp_path, "shop", *good, *bad, good[0])
    (source,) = audit(tmp_path).sources
    assert (source.read, source.accepted, source.duplicates, source.quarantined) == (11, 6, 1, 4)
    assert source.bad_share == pytest.approx(4 / 11)
    assert source.stops_run
    assert [(reason.reason, reason.rows) for reason in source.reasons] == [
        (NO_KEY, 2), ("kind: unknown", 1), ("value: not a number", 1),
    ]  # fmt: skip
    assert "@" not in str(source.reasons)
    assert source.identified == 6 / 8
    assert source.keys == {"email": 1.0}
    assert set(source.columns) == {"id", "ts", "kind", "amount", "mail"}


def test_two_sources_that_share_three_of_ten_addresses(tmp_path: Path, passing: Path) -> None:
    write_orders(tmp_path, "shop", *(buy(n, f"p{n}") for n in range(10)))
    write_orders(tmp_path, "web", *(buy(n, f"p{n + 7}", kind="page_view", amount="") for n in range(20)))
    found = audit(tmp_path, orders(), orders("web"))
    (overlap,) = found.keys.overlaps
    assert (overlap.sources, overlap.key_kind, overlap.both, overlap.share) == (
        ("shop", "web"),
        "email",
        3,
        0.3,
    )
    assert found.keys.customers_by_sources == {"1": 24, "2": 3, "3+": 0}


def test_nothing_accepted_is_a_finding_and_not_an_error(tmp_path: Path, passing: Path) -> None:
    write_orders(tmp_path, "shop", buy(1, ""), buy(2, ""))
    found = audit(tmp_path)
    assert (found.history, found.customers, found.families) == (None, 0, ())
    assert [(support.name, support.ok) for support in found.support] == [("events", False)]
    assert found.sources[0].reasons[0].reason == NO_KEY


def test_where_nobody_may_be_profiled_there_is_nobody(tmp_path: Path, passing: Path) -> None:
    write_orders(tmp_path, "shop", buy(1, "a"), buy(2, "b"))
    found = audit(tmp_path, consent_default=False)
    assert found.customers == 0
    assert {family.coverage for family in found.families} == {0.0}


def test_days_after_the_last_whole_one_do_not_count(tmp_path: Path, passing: Path) -> None:
    write_orders(tmp_path, "shop", buy(1, "a", days_ago=3), buy(2, "b", days_ago=-2))
    found = audit(tmp_path)
    assert found.history is not None
    assert (found.as_of, found.history.events) == (UNTIL - timedelta(days=3), 1)


def test_a_source_that_cannot_be_read_leaves_nothing_behind(tmp_path: Path, passing: Path) -> None:
    write_orders(tmp_path, "shop", buy(1, "a"))
    with pytest.raises(SourceError, match=r"sources\.crm: no file matches"):
        audit(tmp_path, orders(), orders("crm"))
    assert list(passing.iterdir()) == []


def make_rollups() -> Rollups:
    kinds = {"VARCHAR": "string", "TIMESTAMPTZ": "timestamp('UTC')", "DOUBLE": "float64", "BIGINT": "int64"}
    events = ibis.table({c.name: kinds[c.type] for c in list_columns("events")}, name="events")
    return roll_up(events, timezone="UTC", since=UNTIL, until=UNTIL)


def test_what_a_family_reads_is_read_off_its_expression() -> None:
    families, rollups = load_families(), make_rollups()
    read = {name: set(list_columns_read(family, rollups, as_of=UNTIL)) for name, family in families.items()}
    assert {column for _rollup, column in read["service"]} == {"customer_id", "day", "service_contacts"}
    assert {("orders", "discount"), ("orders", "revenue")} <= read["discounts"]
    assert ("sessions", "duration_s") in read["sessions"]
    assert {rollup for rollup, _column in read["rhythm"]} == {"orders"}


def test_every_number_a_family_reads_can_be_asked_for_in_words() -> None:
    rollups = make_rollups()
    numbers = {
        (name, column)
        for family in load_families().values()
        for name, column in list_columns_read(family, rollups, as_of=UNTIL)
        if getattr(rollups, name)[column].type().is_floating()
    }
    assert len(numbers) > 20
    assert {column for _name, column in numbers} - {*COUNTED_KINDS, *_FILLED_BY} == set()


@pytest.mark.long
def test_the_profile_of_a_running_shop_changes_nothing_of_it(weekly_shop: Any, passing: Path) -> None:
    before = list_tree(weekly_shop.folder)
    profile = profile_sources(load_settings(weekly_shop.config), rows=0)["profile"]
    assert list_tree(weekly_shop.folder) == before
    assert list(passing.iterdir()) == []
    counted = weekly_shop.summaries
    for source in profile["sources"]:
        taken = [summary["ingest"]["by_source"][source["name"]] for summary in counted]
        assert source["read"] == sum(one["read"] for one in taken), source["name"]
        assert source["stops_run"] is False
    assert profile["customers"] == counted[-1]["customers"]
    assert profile["history"]["weeks"] == 40
    verdicts = {support["name"]: support["ok"] for support in profile["support"]}
    assert [verdicts[n] for n in ("outcomes", "season", "segments", "campaigns")] == [True, False, True, True]


def test_the_profile_of_a_new_shop_makes_no_home_and_is_shown(
    tmp_path: Path, passing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = tmp_path / "new"
    config = write_config(shop, *(buy(n, f"p{n}") for n in range(3)))
    before = list_tree(shop)
    result = profile_sources(load_settings(config), rows=2)
    assert list_tree(shop) == before
    assert len(result["sources"][0]["preview"]) == 2
    assert result["profile"]["customers"] == 3
    show_audit(result)
    shown = capsys.readouterr().out
    assert (
        max(len(line.rstrip()) for line in shown.splitlines() if "preview" not in line and "mail" not in line)
        <= 80
    )
    assert " ".join(shown.split()).count("too young, needs 121 days of history and has 1;") == 1


def test_the_profile_leaves_a_lake_as_it_is(tmp_path: Path, passing: Path) -> None:
    settings = load_settings(write_config(tmp_path / "shop", *(buy(n, f"p{n}") for n in range(3))))
    ingest_now(settings)
    before = list_tree(tmp_path / "shop")
    assert profile_sources(settings, rows=0)["profile"]["customers"] == 3
    assert list_tree(tmp_path / "shop") == before


def test_the_shops_own_factors_are_listed_with_their_meaning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(
        tmp_path / "shop", buy(1, "a"), buy(2, "b"), buy(3, "b", days_ago=5), buy(4, "c", amount=99)
    )
    with config.open("a", encoding="utf-8") as file:
        # Named like a family of factors, which must still be there beside it.
        file.write(
            '[[features.factors]]\nname = "returns"\ntable = "orders"\nexpression = "count_if(revenue > 50)"\n'
            'meaning = "how often the customer buys big"\nunit = "orders"\nmissing = 0.0\n'
        )
    result = profile_sources(load_settings(config), rows=0)
    families = {family["name"]: family for family in result["profile"]["families"]}
    own = families["own factor returns"]
    assert own["coverage"] == pytest.approx(1 / 3)
    assert own["meaning"] == "how often the customer buys big (orders): count_if(revenue > 50)"
    assert "return_rate" in families["returns"]["factors"]
    show_audit(result)
    assert "how often the customer buys big" in " ".join(capsys.readouterr().out.split())
