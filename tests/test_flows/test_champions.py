"""Who is champion, through weeks that are run again, rolled back, shadowed, or not to be trusted."""

import json
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandas as pd
import pytest
from test_flows.conftest import look_at, read_champion
from test_flows.test_other_flows import LAST, promote_second_version

from models.lineage import Lineage
from models.promotion import GateValues, PromotionSettings
from monitoring.drift_settings import DriftSettings
from tasks.decisions import list_promotions, record_promotion
from tasks.drift import CheckedSources, DriftWatch, watch_drift
from tasks.features import History, compute_history
from tasks.lake import Lake, begin_run, open_lake, write_lake
from tasks.promotion import Promotion, Verdict, judge_challenger, revert_promotion
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
        run = begin_run("by hand", LAST)
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


@dataclass(frozen=True)
class Contest:
    """Everything a week's judgement rests on, over a real lake and registry."""

    lake: Lake
    challenger: Challenger
    champion: LoadedModel
    factors: pd.DataFrame
    history: History
    drift: DriftWatch

    def judge(self, settings: PromotionSettings, **worse: Any) -> Verdict:
        """The verdict with the challenger's gates, or anything else here, made worse."""
        own = {name: worse.pop(name) for name in [*worse] if name in GateValues.__dataclass_fields__}
        challenger = worse.pop("challenger", self.challenger)
        given = {
            "champion": self.champion,
            "factors": self.factors,
            "history": self.history,
            "drift": self.drift,
        }
        given |= {"challenger": replace(challenger, gates=replace(challenger.gates, **own))} | worse
        verdict: Verdict = judge_challenger.fn(self.lake, **given, as_of=NEXT, settings=settings)
        return verdict


# A champion two weeks old is over age here, so a challenger that is no worse than it is promoted.
EASY = PromotionSettings(
    max_age_days=1, non_inferiority=1.0, stability_mean=0.0, stability_min=0.0, smallest_share=0.0
)


@pytest.fixture(scope="module")
def contest(weekly_shop: Any) -> Contest:
    lake, registry = open_lake(str(weekly_shop.home)), open_registry(weekly_shop.home)
    champion, other = (load_version(registry, version) for version in ("1", "2"))
    factors = read_snapshot(lake, other)
    assert factors is not None
    history = compute_history.fn(lake, as_of=LAST, days=90, consent_default=True)
    drift = watch_drift.fn(
        lake, champion, read_snapshot(lake, champion), factors, as_of=NEXT,
        sources=CheckedSources((), pd.Series(dtype=float)),
        settings=DriftSettings(), churn_days=60,
    )  # fmt: skip
    assert other.gates is not None
    sound = replace(other.gates, admissible=True, reason=None)
    challenger = replace(name_challenger(other, version="2"), gates=sound, snapshot_id="of next week")
    return Contest(lake, challenger, champion, factors, history, drift)


def test_a_challenger_that_passes_every_rule_is_promoted(contest: Contest) -> None:
    verdict = contest.judge(EASY)
    assert (verdict.decision, verdict.promote) == ("promote", True)


@pytest.mark.parametrize(
    ("worse", "settings", "reason"),
    [
        ({"segments": 1}, EASY, "1 segments (at least 2)"),
        (
            {"smallest_share": 0.001},
            EASY.model_copy(update={"smallest_share": 0.01}),
            "the smallest segment holds 0.10 %",
        ),
        ({"outlier_share": 0.26}, EASY, "customers in no segment: 26.00 %"),
        ({"stability": 0.4}, EASY.model_copy(update={"stability_mean": 0.75}), "stability 0.400"),
        (
            {"stability_min": 0.1},
            EASY.model_copy(update={"stability_min": 0.6}),
            "stability of the least stable segment 0.100",
        ),
        ({"stability": float("nan")}, EASY, "stability unknown"),
        (
            {"admissible": False, "reason": "no stable segmentation found"},
            EASY,
            "the search found the model not fit for use: no stable segmentation found",
        ),
        (
            {"history": History(None, None, 90)},
            EASY,
            "the gain in separation over the champion could not be measured: the shop is too young",
        ),
        ({}, EASY.model_copy(update={"max_age_days": 400}), "the challenger is not clearly better"),
    ],
    ids=lambda given: ", ".join(map(str, given)) if isinstance(given, dict) else None,
)
def test_a_challenger_worse_on_one_rule_is_kept_out_with_that_rule_as_the_reason(
    contest: Contest, worse: dict[str, Any], settings: PromotionSettings, reason: str
) -> None:
    verdict = contest.judge(settings, **worse)
    assert (verdict.decision, verdict.promote) == ("keep", False)
    assert verdict.reasons[0].startswith(reason)


def test_the_weeks_data_and_drift_have_their_say(contest: Contest) -> None:
    fault = replace(contest.drift, decision=replace(contest.drift.decision, decision="data_fault"))
    assert contest.judge(EASY, drift=fault).decision == "blocked"
    unknown = replace(contest.drift, measurement=None)
    verdict = contest.judge(EASY, drift=unknown)
    assert (verdict.decision, verdict.reasons[0]) == (
        "keep",
        "it is unknown how far the champion's inputs have drifted",
    )


def test_too_many_customers_on_the_move_keep_the_champion(contest: Contest) -> None:
    crowd = replace(contest.challenger, lineage=replace(contest.challenger.lineage, moved=0.9))
    verdict = contest.judge(EASY.model_copy(update={"moved_max": 0.5}), challenger=crowd)
    assert (verdict.decision, verdict.reasons[0]) == (
        "keep",
        "customers who would change segment: 90.00 % (at most 50.00 %)",
    )


def test_a_rollback_that_died_once_on_record_is_finished_and_not_done_twice(shop_copy: Any) -> None:
    """With three champions behind each other, doing it again would go back two of them."""
    from flows.rollback_champion import rollback_champion

    promote_second_version(shop_copy)
    registry = open_registry(shop_copy.home)
    with write_lake(str(shop_copy.home)) as lake:
        run = begin_run("rollback", LAST)
        _previous, summary = revert_promotion(lake, registry, as_of=LAST)
        lake.commit(run, summary)
    assert read_champion(shop_copy.home) == "2"
    told = rollback_champion(config=str(shop_copy.config))
    assert (told["decision"], told["champion_version"]) == ("rollback", "1")
    assert read_champion(shop_copy.home) == "1"
    decisions = list_promotions(open_lake(str(shop_copy.home)))
    assert (decisions["decision"] == "rollback").sum() == 1
