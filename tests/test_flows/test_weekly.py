"""Two weeks of a simulated shop: what is reported is what was simulated, and running again changes nothing."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from models.identity import hash_key
from models.simulation.events import SOURCES
from models.simulation.mess import count_mess
from tasks.decisions import list_promotions
from tasks.lake import open_lake
from tasks.pseudonyms import read_secret
from tasks.registry import list_versions, open_registry

ASKED = {
    "as_of": None,
    "run_id": None,
    "ingest": {"read", "accepted", "duplicates", "quarantined", "late", "by_source"},
    "customers": None,
    "drift": {"decision", "drifted", "reasons"},
    "training": {
        "algorithm",
        "segments",
        "outlier_share",
        "silhouette",
        "stability",
        "separation",
        "candidates",
    },
    "promotion": {"decision", "reasons", "champion_version"},
    "migration": None,
    "campaigns": None,
    "reports": {"index"},
    "seconds": {
        "ingest",
        "features",
        "drift",
        "training",
        "promotion",
        "score",
        "migration",
        "measure",
        "report",
        "maintenance",
    },
}
METRICS = {"conversion", "cac", "aov", "churn", "ltv", "roi"}
LIFT = {"absolute", "low", "high", "relative", "relative_low", "relative_high", "p_value"}
TABLES = {
    "events", "customers", "identities", "campaigns", "assignments", "costs", "activity_daily", "orders",
    "sessions", "categories_daily", "features", "segments", "segment_profiles", "promotions", "quarantine",
    "snapshots", "migrations",
}  # fmt: skip
LEAST_ARI = 0.75


@pytest.mark.parametrize("week", [0, 1])
def test_the_summary_holds_what_the_design_asks_for(weekly_shop: Any, week: int) -> None:
    summary = weekly_shop.summaries[week]
    for key, inner in ASKED.items():
        assert inner is None or inner <= set(summary[key]), key
    assert {c["campaign_id"] for c in summary["campaigns"]} == {"A", "B", "C"}
    for campaign in summary["campaigns"]:
        assert {"srm_p", "decision", "sentence", "metrics"} <= set(campaign)
        assert set(campaign["metrics"]) >= METRICS
        for metric in campaign["metrics"].values():
            assert metric["lift"] is not None or metric["reason"]
        assert set(campaign["metrics"]["conversion"]["lift"]["treatment"]) >= LIFT


@pytest.mark.parametrize("week", [0, 1])
def test_every_row_is_accounted_for(weekly_shop: Any, week: int) -> None:
    ends = [date.fromisoformat(s["as_of"]) for s in weekly_shop.summaries]
    start = ends[week - 1] if week else None
    told = count_mess(weekly_shop.shop.truth.mess, start=start, end=ends[week])
    events = weekly_shop.shop.events
    due = events[events["delivered_on"] <= pd.Timestamp(ends[week])]
    due = due if start is None else due[due["delivered_on"] > pd.Timestamp(start)]
    counts = weekly_shop.summaries[week]["ingest"]["by_source"]
    for name, count in counts.items():
        parts = ("accepted", "duplicates", "quarantined", "filtered")
        assert count["read"] == sum(count[part] for part in parts), name
    for name in SOURCES:
        expected = told.loc[name, ["duplicates", "quarantined", "late"]].astype(int).to_dict()
        if start is None:
            expected["late"] = 0  # no week was closed yet
        found = {part: counts[name][part] for part in expected}
        assert found == expected, name
        assert counts[name]["accepted"] == (due["source"] == name).sum(), name


def test_the_second_week_makes_a_real_decision(weekly_shop: Any) -> None:
    first, second = (s["promotion"] for s in weekly_shop.summaries)
    assert first["decision"] == "first"
    assert second["decision"] in ("keep", "promote")
    assert "gain in separation" in " ".join(second["reasons"])
    kept = second["decision"] == "keep"
    assert (second["champion_version"] == first["champion_version"]) == kept


def test_both_weeks_have_reports_and_the_newest_is_latest(weekly_shop: Any) -> None:
    reports = weekly_shop.home / "reports"
    for summary in weekly_shop.summaries:
        index = Path(summary["reports"]["index"])
        assert index == reports / summary["as_of"] / "index.html"
        assert summary["as_of"] in index.read_text(encoding="utf-8")
    newest = weekly_shop.summaries[-1]["as_of"]
    assert newest in (reports / "latest" / "index.html").read_text(encoding="utf-8")


def test_the_lake_holds_the_tables_of_the_design(weekly_shop: Any) -> None:
    lake = open_lake(str(weekly_shop.home))
    assert set(lake.versions) >= TABLES
    for name in TABLES:
        assert lake.table(name).count().execute() > 0, name
    assert len(lake.runs()) == 2
    days = lake.table("segments").select("as_of").distinct().to_pandas()["as_of"]
    assert sorted(str(day)[:10] for day in days) == [s["as_of"] for s in weekly_shop.summaries]


def test_the_segments_page_has_every_picture_and_factors_in_words(weekly_shop: Any) -> None:
    page = (weekly_shop.home / "reports" / "latest" / "segments.html").read_text(encoding="utf-8")
    for figure in ("sizes", "migration", "map_pca", "heatmap", "silhouettes", "levels"):
        assert f'data-figure="{figure}"' in page
    assert "map_umap" not in page
    assert "average order value" in page
    assert "orders 180d" not in page
    assert "K-Means" in page


def test_everybody_of_both_weeks_is_accounted_for(weekly_shop: Any) -> None:
    first, second = weekly_shop.summaries
    told = second["migration"]
    assert first["migration"] is None
    assert told["previous_as_of"] == first["as_of"]
    assert told["common"] + told["left"] == first["customers"]
    assert told["common"] + told["joined"] == second["customers"]
    sizes = {s["segment_id"]: s["size"] for s in first["segments"]}
    found = dict.fromkeys(sizes, 0)
    for flow in told["flows"]:
        if flow["before_id"] is not None:
            found[flow["before_id"]] += flow["customers"]
    assert found == sizes, "what last week's model says of last week is what it said then"


def test_the_hidden_segments_are_found(weekly_shop: Any) -> None:
    secret = read_secret(str(weekly_shop.home), None)
    keys = weekly_shop.shop.truth.keys
    crm = keys[keys["key_kind"] == "crm"]
    hashes = [hash_key("crm", value, secret=secret) for value in crm["key_value"]]
    known = pd.DataFrame({"key_hash": hashes, "truth": crm["segment"].to_numpy()})
    lake = open_lake(str(weekly_shop.home))
    segments = lake.table("segments")
    found = segments.filter(segments.as_of == date.fromisoformat(weekly_shop.summaries[-1]["as_of"]))
    people = lake.table("identities").to_pandas().merge(known, on="key_hash")
    people = people.merge(found.select("customer_id", "segment_id").to_pandas(), on="customer_id")
    assert len(people) == weekly_shop.summaries[-1]["customers"]
    assert adjusted_rand_score(people["truth"], people["segment_id"]) > LEAST_ARI


@pytest.mark.parametrize("campaign", ["A", "B"])
def test_the_interval_of_a_finished_campaign_covers_its_true_effect(weekly_shop: Any, campaign: str) -> None:
    effects = weekly_shop.shop.truth.effects
    own = effects[(effects["campaign_id"] == campaign) & (effects["segment"] == -1)]
    (result,) = (c for c in weekly_shop.summaries[-1]["campaigns"] if c["campaign_id"] == campaign)
    conversion = result["metrics"]["conversion"]
    assert result["srm_p"] > 0.001
    assert conversion["arms"]["control"] == pytest.approx(own["baseline_conversion"].item(), abs=0.1)
    lift = conversion["lift"]["treatment"]
    assert lift["low"] < own["conversion_lift"].item() < lift["high"]


def test_no_address_of_a_person_is_kept(weekly_shop: Any) -> None:
    keys = weekly_shop.shop.truth.keys
    planted = [str(v) for v in keys.loc[keys["key_kind"] == "email", "key_value"].iloc[::60]]
    planted += [value.upper() for value in planted]
    assert len(planted) > 10
    for folder in ("lake", "artifacts", "reports"):
        for file in (weekly_shop.home / folder).rglob("*"):
            content = file.read_bytes() if file.is_file() else b""
            assert not [value for value in planted if value.encode() in content], file
    # Parquet pages are compressed, so what they hold is looked at as well.
    lake = open_lake(str(weekly_shop.home))
    for name in lake.versions:
        text = lake.table(name).to_pandas().to_csv()
        assert not [value for value in planted if value in text], name


def test_a_version_says_how_it_was_made(weekly_shop: Any) -> None:
    import mlflow

    registry = open_registry(weekly_shop.home)
    versions = list_versions(registry)
    assert list(versions["version"]) == ["2", "1"]
    client = mlflow.MlflowClient(tracking_uri=registry.tracking_uri, registry_uri=registry.tracking_uri)
    for summary, version in zip(weekly_shop.summaries, ("1", "2"), strict=True):
        found = client.get_model_version("segments", version)
        assert found.tags["as_of"] == summary["as_of"]
        assert {"snapshot_id", "algorithm", "gates", "code_version"} <= set(found.tags)
        run = client.get_run(str(found.run_id))
        assert run.data.params["algorithm"] == summary["training"]["algorithm"]
        assert run.data.metrics["silhouette"] == pytest.approx(summary["training"]["silhouette"], abs=1e-5)
        assert run.data.metrics["stability"] == pytest.approx(summary["training"]["stability"], abs=1e-5)
        candidates = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/candidates.csv")
        assert len(candidates.splitlines()) == summary["training"]["candidates"] + 1
        signature = mlflow.models.get_model_info(f"models:/segments/{version}").signature
        assert len(signature.inputs.input_names()) > 20


def test_running_a_week_again_changes_nothing(shop_copy: Any) -> None:
    from flows.weekly_retrain import weekly_retrain

    def read() -> tuple[pd.DataFrame, dict[str, int], pd.DataFrame, pd.DataFrame]:
        lake = open_lake(str(shop_copy.home))
        segments = lake.table("segments").order_by("as_of", "customer_id").to_pandas()
        rows = {name: int(lake.table(name).count().execute()) for name in TABLES}
        return segments, rows, list_promotions(lake), list_versions(open_registry(shop_copy.home))

    before = read()
    last = shop_copy.summaries[-1]
    again = weekly_retrain(config=str(shop_copy.config), as_of=date.fromisoformat(last["as_of"]))
    after = read()
    assert again["ingest"]["accepted"] == 0
    assert again["promotion"] == last["promotion"]
    assert again["segments"] == last["segments"]
    assert again["training"] == last["training"]
    assert again["migration"] == last["migration"]
    assert after[1] == before[1]
    for old, new in zip((before[0], *before[2:]), (after[0], *after[2:]), strict=True):
        pd.testing.assert_frame_equal(old, new)


def test_a_segments_card_knows_the_week_before_and_finished_campaigns(weekly_shop: Any) -> None:
    page = (weekly_shop.home / "reports" / "latest" / "segments.html").read_text(encoding="utf-8")
    summary = weekly_shop.summaries[-1]
    version = summary["promotion"]["champion_version"]
    assert f"Version {version}" in page
    assert re.search(rf"Version {version}, [^<]+ has been in use since \d", page)
    assert re.search(r"(more|fewer) than the week before|as the week before", page)
    known = {str(segment["segment_id"]) for segment in summary["segments"]}
    decided = {
        str(place)
        for place, campaign in enumerate(summary["campaigns"], start=1)
        if not campaign["immature"]["window"]
        and campaign["decision"] not in ("continue", "invalid")
        and known & set(campaign["by_segment"])
    }
    assert set(re.findall(r'<a href="roi\.html#campaign-(\d+)">', page)) == decided
