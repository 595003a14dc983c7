"""Who is champion, through weeks that are run again, rolled back, shadowed, or not to be trusted."""

import json
from datetime import date
from typing import Any

import pandas as pd
import pytest
from test_flows.conftest import look_at, read_champion
from test_flows.test_other_flows import LAST, promote_second_version

from models.lineage import Lineage
from models.promotion import PromotionSettings
from tasks.decisions import list_promotions, record_promotion
from tasks.lake import begin_run, open_lake, write_lake
from tasks.promotion import Promotion
from tasks.registry import LoadedModel, load_version, open_registry
from tasks.shadow import choose_contender, score_shadow
from tasks.snapshots import read_snapshot
from tasks.training import Challenger

NEXT = date(2026, 11, 22)


def name_challenger(model: LoadedModel, *, version: str) -> Any:
    """A challenger like a registered model, without the search that found it."""
    lineage = Lineage({}, {}, (), {}, 0.0, 9)
    return Challenger(model.segmenter, version, "s", model.gates, None, lineage, 90, 0, NEXT)  # type: ignore[arg-type]


def read_segments(shop: Any, as_of: date) -> pd.DataFrame:
    segments = open_lake(str(shop.home)).table("segments")
    return segments.filter(segments.as_of == as_of).to_pandas().set_index("customer_id")


def test_a_rollback_gives_customers_their_former_segments_back(shop_copy: Any) -> None:
    from flows.rollback_champion import rollback_champion

    promote_second_version(shop_copy)
    summary = rollback_champion(config=str(shop_copy.config))
    placed = read_segments(shop_copy, LAST)
    assert set(placed["model_version"]) == {"1"}
    first = load_version(open_registry(shop_copy.home), "1").segmenter
    assert set(placed["segment_id"]) <= set(first.ids.values()) | {-1}
    named = {**first.names}
    assert (placed["segment_name"] == placed["segment_id"].map(named)).all()
    assert summary["customers"] == len(placed) == sum(s["size"] for s in summary["segments"])


@pytest.mark.long
def test_a_week_run_again_after_a_rollback_leaves_the_champion_where_it_was_put(shop_copy: Any) -> None:
    from flows.rollback_champion import rollback_champion
    from flows.weekly_retrain import weekly_retrain

    promote_second_version(shop_copy)
    rollback_champion(config=str(shop_copy.config))
    decisions = list_promotions(open_lake(str(shop_copy.home)))
    weekly_retrain(config=str(shop_copy.config), as_of=LAST)
    assert read_champion(shop_copy.home) == "1"
    assert set(read_segments(shop_copy, LAST)["model_version"]) == {"1"}
    assert len(list_promotions(open_lake(str(shop_copy.home)))) == len(decisions)


def test_the_audit_trail_says_who_was_champion_when_and_why(shop_copy: Any, command: Any) -> None:
    promote_second_version(shop_copy)
    told = command("models", "--config", shop_copy.config, "--json").json
    newest, *earlier = told["promotions"]
    assert (newest["decision"], newest["champion_version"], newest["reasons"]) == (
        "promote",
        "2",
        ["by hand"],
    )
    assert earlier[-1]["decision"] == "first"
    aliases = {version["version"]: version["aliases"] for version in told["versions"]}
    assert aliases["2"] == "champion"
    shown = command("models", "--config", shop_copy.config)
    assert "by hand" in shown.out


def test_a_version_is_tagged_with_the_decision_about_it(weekly_shop: Any) -> None:
    registry = open_registry(weekly_shop.home)
    for summary in weekly_shop.summaries:
        tags = load_version(registry, summary["training"]["version"]).tags
        assert tags["decision"] == summary["promotion"]["decision"]
        assert tags["decision_reason"] == summary["promotion"]["reasons"][0]
        assert {"gates", "snapshot_id", "code_version", "seed"} <= set(tags)


def test_a_fraction_of_the_usual_customers_stops_the_run(shop_copy: Any, command: Any) -> None:
    """Half a year earlier the shop had a tenth fewer customers; here that is asked to be too few."""
    with shop_copy.config.open("a", encoding="utf-8") as file:
        file.write("\n[promotion]\npopulation_min = 0.99\n")
    before = look_at(shop_copy.home)
    answer = command("weekly", "--config", shop_copy.config, "--as-of", "2026-02-20")
    assert answer.code == 1
    assert answer.err.splitlines()[-1].startswith("error: only ")
    assert "has everything been delivered?" in answer.err
    assert "Traceback" not in answer.err
    assert look_at(shop_copy.home) == before


def test_a_winner_in_shadow_is_judged_again_and_scored_beside_the_champion(shop_copy: Any) -> None:
    registry = open_registry(shop_copy.home)
    shadowed = PromotionSettings(shadow_weeks=2)
    champion = load_version(registry, "1")
    factors = read_snapshot(open_lake(str(shop_copy.home)), champion)
    assert factors is not None
    shadow = load_version(registry, "2")
    newest = name_challenger(shadow, version="3")

    def choose(settings: PromotionSettings) -> Any:
        with write_lake(str(shop_copy.home)) as lake:
            return choose_contender.fn(
                lake, registry, newest, champion, factors, as_of=NEXT, settings=settings
            )

    assert choose(shadowed) is newest
    with write_lake(str(shop_copy.home)) as lake:
        run = begin_run("weekly-retrain", LAST)
        record_promotion(
            lake, as_of=LAST, decision="keep", reasons=("in shadow",), challenger_version="2",
            champion_version="1", previous_version="1", snapshot_id=None, gates={"won": True},
        )  # fmt: skip
        lake.commit(run, {})
    contender = choose(shadowed)
    assert (contender.version, contender.trained_on) == ("2", LAST)
    assert contender.lineage.states == {int(k): v for k, v in json.loads(shadow.tags["lineage"]).items()}
    assert 0 <= contender.lineage.moved <= 1
    assert choose(PromotionSettings()) is newest
    kept = Promotion("keep", ("in shadow",), "1", champion.segmenter, {}, {"won": True})
    with write_lake(str(shop_copy.home)) as lake:
        run = begin_run("weekly-retrain", NEXT)
        score_shadow.fn(lake, contender, kept, factors, as_of=NEXT, settings=shadowed)
        lake.commit(run, {})
    placed = open_lake(str(shop_copy.home)).table("shadow_segments").to_pandas()
    assert len(placed) == len(factors)
    assert set(placed["model_version"]) == {"2"}
