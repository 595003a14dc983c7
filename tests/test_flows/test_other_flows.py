"""Every flow beside the weekly one, on copies of a shop that has run for two weeks."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow
import pytest
from pydantic import SecretStr
from test_flows.conftest import read_champion

from tasks.decisions import record_promotion
from tasks.lake import begin_run, open_lake, write_lake
from tasks.promotion import load_current_champion, settle_promotions
from tasks.pseudonyms import hash_identity, read_secret
from tasks.registry import open_registry

CAMPAIGN = """
[[campaigns]]
campaign_id = "winter"
name = "Winter letter"
starts_at = 2026-11-20
ends_at = 2026-12-10
control_share = 0.25
"""
CONTACTS = """
[[exports]]
name = "letters"
destination = "audience"
path = "outbox/letters.csv"
campaign = "winter"
join = "crm.csv"
key = "email"
column = "mail"
"""
LAST = date(2026, 11, 15)


def test_daily_score_places_every_customer_with_the_champion(shop_copy: Any) -> None:
    from flows.daily_score import daily_score

    day = date(2026, 11, 14)
    summary = daily_score(config=str(shop_copy.config), as_of=day)
    assert summary["champion_version"] == shop_copy.summaries[-1]["promotion"]["champion_version"]
    segments = open_lake(str(shop_copy.home)).table("segments")
    scored = segments.filter(segments.as_of == day).to_pandas()
    assert len(scored) == summary["customers"] == sum(s["size"] for s in summary["segments"])
    assert set(scored["model_version"]) == {summary["champion_version"]}
    assert scored["customer_id"].is_unique


def test_a_lost_column_is_a_fault_of_the_data_and_the_daily_run_finishes_without_that_source(
    shop_copy: Any,
) -> None:
    from flows.daily_score import daily_score

    folder = shop_copy.config.parent / "inbox" / "offline"
    newest = max(folder.glob("*.csv"))
    header, *rows = newest.read_text(encoding="utf-8").splitlines()
    changed = header.replace(header.split(",")[0], "renamed", 1)
    (folder / "9999-01-01.csv").write_text("\n".join([changed, *rows]) + "\n", encoding="utf-8")
    summary = daily_score(config=str(shop_copy.config), as_of=LAST)
    assert summary["drift"]["decision"] == "data_fault"
    assert summary["drift"]["reasons"][0].startswith("source 'offline' has lost a column")
    assert not summary["retraining"]["due"]
    weeks = open_lake(str(shop_copy.home)).table("week_profiles")
    (kept,) = weeks.filter(weeks.as_of == LAST).to_pyarrow().to_pylist()
    assert (kept["decision"], kept["model_version"]) == ("data_fault", summary["champion_version"])


def test_measure_campaign_is_the_weeks_own_result(weekly_shop: Any) -> None:
    from flows.measure_campaign import measure_campaign

    runs = len(open_lake(str(weekly_shop.home)).runs())
    result = measure_campaign("A", config=str(weekly_shop.config), as_of=LAST)
    (weekly,) = (c for c in weekly_shop.summaries[-1]["campaigns"] if c["campaign_id"] == "A")
    assert result["metrics"]["conversion"]["arms"] == weekly["metrics"]["conversion"]["arms"]
    assert result["decision"] == weekly["decision"]
    assert len(open_lake(str(weekly_shop.home)).runs()) == runs
    with pytest.raises(LookupError, match="campaign 'Z' is not in the lake"):
        measure_campaign("Z", config=str(weekly_shop.config), as_of=LAST)


def test_plan_campaign_draws_the_same_exact_arms_twice(shop_copy: Any) -> None:
    from flows.plan_campaign import plan_campaign

    with shop_copy.config.open("a", encoding="utf-8") as file:
        file.write(CAMPAIGN)
    plan = plan_campaign("winter", config=str(shop_copy.config), as_of=LAST)
    people = sum(plan["arms"].values())
    assert plan["arms"]["control"] == pytest.approx(0.25 * people, abs=1)
    assert 0 < plan["baseline"] < 1
    assert 0 < plan["mde"] < 1

    def read() -> dict[str, str]:
        lake = open_lake(str(shop_copy.home))
        table = lake.table("assignments")
        drawn = table.filter(table.campaign_id == "winter").to_pandas()
        refused = lake.table("customers").to_pandas().query("consent_marketing == False")
        assert not set(drawn["customer_id"]) & set(refused["customer_id"])
        assert drawn["segment_id"].notna().all()
        return dict(zip(drawn["customer_id"], drawn["arm"], strict=True))

    first = read()
    assert len(first) == people
    assert plan_campaign("winter", config=str(shop_copy.config), as_of=LAST) == plan
    assert read() == first


def test_a_delivered_campaign_is_planned_by_its_row_and_one_that_has_started_is_refused(
    shop_copy: Any,
) -> None:
    from flows.plan_campaign import plan_campaign

    def deliver(campaign_id: str, starts_at: datetime) -> None:
        row = {
            "campaign_id": campaign_id, "name": campaign_id, "channel": "post", "starts_at": starts_at,
            "ends_at": starts_at + timedelta(days=10), "primary_metric": "revenue", "control_share": 0.4,
        }  # fmt: skip
        with write_lake(str(shop_copy.home)) as lake:
            moment = pyarrow.timestamp("us", "UTC")
            schema = pyarrow.schema(
                [
                    (name, moment if name.endswith("_at") else pyarrow.infer_type([value]))
                    for name, value in row.items()
                ]
            )
            lake.append("campaigns", pyarrow.Table.from_pylist([row], schema=schema))
            lake.commit(begin_run("by hand", LAST), {})

    deliver("post", datetime(2026, 12, 1, tzinfo=UTC))
    plan = plan_campaign("post", config=str(shop_copy.config), as_of=LAST)
    assert plan["primary_metric"] == "revenue"
    assert plan["arms"]["control"] == pytest.approx(0.4 * sum(plan["arms"].values()), abs=1)
    assert plan["holdout"]["left_out"] > 0
    deliver("late", datetime(2026, 11, 10, tzinfo=UTC))
    with pytest.raises(ValueError, match="campaign 'late' started at 2026-11-10"):
        plan_campaign("late", config=str(shop_copy.config), as_of=LAST)
    with pytest.raises(ValueError, match=r"no .* section with campaign_id 'nowhere'; there are: .*post"):
        plan_campaign("nowhere", config=str(shop_copy.config), as_of=LAST)


def test_the_treatment_group_is_exported_as_rows_of_the_shops_own_list(shop_copy: Any) -> None:
    from flows.plan_campaign import plan_campaign
    from flows.settings import load_settings
    from flows.views import write_exports

    folder = shop_copy.config.parent
    with shop_copy.config.open("a", encoding="utf-8") as file:
        file.write(CAMPAIGN + CONTACTS)
    plan = plan_campaign("winter", config=str(shop_copy.config), as_of=LAST)
    addresses = shop_copy.shop.truth.keys.query("key_kind == 'email'")["key_value"]
    shouted = addresses.str.upper()
    shouted.to_csv(folder / "crm.csv", index=False, header=["mail"])
    result = write_exports(load_settings(shop_copy.config), as_of=LAST, only="letters")
    (told,) = result["contacts"].values()
    written = pd.read_csv(folder / "outbox" / "letters.csv")["mail"].str.lower()
    secret = read_secret(str(shop_copy.home), None)
    hashes = {hash_identity("email", address, secret=secret) for address in written}
    lake = open_lake(str(shop_copy.home))
    owners = lake.table("identities").to_pandas().set_index("key_hash")["customer_id"]
    drawn = (
        lake.table("assignments").to_pandas().query("campaign_id == 'winter'").set_index("customer_id")["arm"]
    )
    assert len(written) == told["written"] > 0
    assert told["assigned"] == plan["arms"]["treatment"]
    assert set(drawn.loc[sorted(owners[sorted(hashes)])]) == {"treatment"}
    held = [
        path for path in shop_copy.home.rglob("*")
        if path.is_file() and any(a.encode() in path.read_bytes() for a in (shouted.iloc[0], addresses.iloc[0]))
    ]  # fmt: skip
    assert held == []


def test_forget_customer_leaves_nothing_of_the_person(shop_copy: Any) -> None:
    from flows.forget_customer import forget_customer

    keys = shop_copy.shop.truth.keys
    address = keys.loc[keys["key_kind"] == "email", "key_value"].iloc[0]
    key = hash_identity("email", address, secret=read_secret(str(shop_copy.home), None))
    known = open_lake(str(shop_copy.home)).table("identities")
    person = known.filter(known.key_hash == key).customer_id.to_pyarrow()[0].as_py()
    receipt = forget_customer("email", SecretStr(key), config=str(shop_copy.config))
    assert receipt["rows"]["events"] > 0
    assert receipt["rows"]["segments"] > 0
    for folder in ("lake", "artifacts", "reports"):
        for file in (shop_copy.home / folder).rglob("*"):
            assert not (file.is_file() and person.encode() in file.read_bytes()), file
    lake = open_lake(str(shop_copy.home))
    for name in lake.versions:
        if "customer_id" in lake.table(name).columns:
            table = lake.table(name)
            assert table.filter(table.customer_id == person).count().execute() == 0, name
    again = forget_customer("email", SecretStr(key), config=str(shop_copy.config))
    assert again["rows"] == {}


def test_rollback_puts_the_previous_champion_back(shop_copy: Any) -> None:
    from flows.rollback_champion import rollback_champion

    promote_second_version(shop_copy)
    assert read_champion(shop_copy.home) == "2"
    summary = rollback_champion(config=str(shop_copy.config))
    assert (summary["decision"], summary["champion_version"]) == ("rollback", "1")
    assert read_champion(shop_copy.home) == "1"
    with pytest.raises(LookupError, match="no previous champion"):
        rollback_champion(config=str(shop_copy.config))


def promote_second_version(shop: Any) -> None:
    """Let the second week's challenger take over, whatever the gate thought of it."""
    registry = open_registry(shop.home)
    if load_current_champion(registry).version == "2":
        return
    with write_lake(str(shop.home)) as lake:
        run = begin_run("by hand", LAST)
        record_promotion(
            lake, as_of=LAST, decision="promote", reasons=("by hand",), challenger_version="2",
            champion_version="2", previous_version="1", snapshot_id=None, gates={},
        )  # fmt: skip
        lake.commit(run, {})
        settle_promotions(lake, registry)
