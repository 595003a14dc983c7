"""Sentences the program writes in English are known to the pages, and told with the same figures."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.promotion import GateValues, PromotionSettings, Standing, decide_promotion
from monitoring.campaign_suppression import suppress_campaigns
from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.arms import Lift, MetricResult
from monitoring.experiments.decision import decide_campaign
from monitoring.experiments.trust import check_arms, check_sample_ratio, check_smallest_arm
from monitoring.metrics import load_metrics
from monitoring.pages.layout.retelling import retell
from monitoring.pages.layout.words import load_words

HOUSE = Path(__file__).parents[2]
SPACE = "\N{NO-BREAK SPACE}"
GERMAN, RUSSIAN, CHINESE = (load_words(language) for language in ("de", "ru", "zh"))
START = datetime(2026, 10, 12, tzinfo=UTC)
CAMPAIGN = Campaign(
    campaign_id="c", name="Brief; mit: allem", channel="email", starts_at=START, ends_at=START + timedelta(days=14),
    control_share=0.2, timezone="UTC",
)  # fmt: skip
ENGLISH = re.compile(r"\b(the|were|is|are|of|and|not|no|be|customers)\b")


def list_check_sentences() -> Iterator[str]:
    """Every sentence of a `Check` in the source, its fields filled with figures or names as they look."""
    tree = ast.parse((HOUSE / "monitoring/experiments/trust.py").read_text(encoding="utf-8"))
    for function in tree.body:
        named = {
            node.targets[0].id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Check":
                yield from _write(node.args[2], named)


def _write(node: ast.expr, named: dict[str, ast.expr]) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.Name):
        yield from _write(named[node.id], named)
    elif isinstance(node, ast.JoinedStr):
        texts = [""]
        for part in node.values:
            written = [str(part.value)] if isinstance(part, ast.Constant) else list(_fill(part, named))
            texts = [text + one for text in texts for one in written]
        yield from texts


def _fill(part: ast.expr, named: dict[str, ast.expr]) -> Iterator[str]:
    assert isinstance(part, ast.FormattedValue)
    code = ast.unparse(part.value)
    if isinstance(part.value, ast.Name) and isinstance(named.get(code), ast.JoinedStr):
        yield from _write(part.value, named)
    elif "first_day" in code or "last_day" in code:
        yield "2026-10-12"
    elif "join" in code or code == "arm":
        yield "letter"
    elif code == "told":
        yield "'web' since 2026-10-12"
    elif "removeprefix" in code:
        yield from ("orders", "revenue", "visited")
    else:
        yield "12.5%" if part.format_spec and "%" in ast.unparse(part.format_spec) else "12"


def test_every_sentence_of_a_check_is_known() -> None:
    sentences = set(list_check_sentences())
    assert len(sentences) > 30
    for sentence in sentences:
        for words in (GERMAN, RUSSIAN, CHINESE):
            told = retell(sentence, words)
            assert told != sentence
            assert not ENGLISH.search(told), told


def test_every_reason_a_metric_gives_is_known() -> None:
    constants = [
        node.args[1].value
        for path in (HOUSE / "monitoring/metrics").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "explain_nothing"
        and isinstance(node.args[1], ast.Constant)
    ]
    assert len(constants) >= 3
    for reason in constants:
        assert retell(reason, CHINESE) != reason


def test_what_is_said_instead_of_hidden_figures_is_known() -> None:
    checks = [
        {"passed": False, "sentence": "3 customers (0.1%) were in two arms and are left out"},
        {
            "passed": None,
            "sentence": "4 of 4,005 customers drawn (0.1%) have been erased or merged since and count no more",
        },
    ]
    some = {"customers": {"control": 100, "letter": 900}}
    few = {"customers": {"control": 4, "letter": 9}}
    campaigns = [
        {"metrics": {"conversion": {}}, **few},
        {"by_segment": {"1": few, "2": some, "3": some}, "checks": checks, **some},
    ]
    withheld, shown = suppress_campaigns({"campaigns": campaigns}, timezone="UTC", smallest=10)["campaigns"]
    hidden = [
        withheld["sentence"],
        withheld["metrics"]["conversion"]["reason"],
        shown["by_segment"]["1"]["reason"],
        *(check["sentence"] for check in shown["checks"]),
        "the smallest segment holds a share that is not shown (at least 1.00 %)",
        "customers in no segment: a share that is not shown (at most 25.00 %)",
    ]
    assert len(set(hidden)) == 7
    for sentence in hidden:
        for words in (GERMAN, RUSSIAN, CHINESE):
            told = retell(sentence, words)
            assert told != sentence
            assert not ENGLISH.search(told), told
    assert retell(hidden[1], GERMAN) == (
        "in diesen Gruppen sind weniger als 10 Personen: Kontrollgruppe und letter"
    )


def test_english_stays_as_it_is() -> None:
    words = load_words()
    assert retell("2 arms; anything at all", words) == "2 arms; anything at all"


def test_checks_are_told_with_their_figures() -> None:
    customers = {"control": 1200, "letter": 3800}
    found = check_sample_ratio(customers, control_share=0.2, alpha=0.002)
    assert found.passed is False
    assert retell(found.sentence, GERMAN) == (
        f"Anteil der Kontrollgruppe: 24,0{SPACE}%, geplant 20,0{SPACE}%; das ist kein Zufall (p < 0,001)"
    )
    assert (
        retell(check_arms({"control": 5, "a": 0, "b": 3, "c": 0}).sentence, GERMAN) == "ohne Kunden: a und c"
    )
    assert retell(check_smallest_arm(customers).sentence, RUSSIAN) == (
        f"самая маленькая группа (контрольная группа): клиентов — 1{SPACE}200"
    )


def decide(lift: Lift, *, until: datetime, reason: str | None = None, arms: int = 1) -> str:
    names = ["letter", "call"][:arms]
    primary = MetricResult(
        {"control": 0.0912} | dict.fromkeys(names, 0.1205),
        dict.fromkeys(names, lift),
        reason,
        interval="fixed",
    )
    return decide_campaign(
        {"conversion": primary},
        metrics=load_metrics(),
        campaign=CAMPAIGN,
        checks=(),
        settings=MeasurementSettings(),
        until=until,
    ).sentence


GAIN = Lift(absolute=0.0293, low=0.0081, high=0.0505, p_value=0.001)
LATE = START + timedelta(days=200)


def test_a_decision_is_told_with_its_figures() -> None:
    sentence = decide(GAIN, until=LATE)
    assert retell(sentence, GERMAN) == (
        f"Brief; mit: allem hat gewirkt: Conversion in der Kontrollgruppe 9,12{SPACE}%, letter 12,05{SPACE}% "
        f"(+2,93 Prozentpunkte, Konfidenzintervall (95{SPACE}%) +0,81 bis +5,05: besser)."
    )
    assert retell(sentence, CHINESE) == (
        "Brief; mit: allem 有效：转化率：对照组 9.12%，letter 12.05%（+2.93 个百分点，95% 置信区间 +0.81 至 +5.05："
        "更好）。"
    )


@pytest.mark.parametrize(
    "sentence",
    [
        decide(GAIN, until=START),
        decide(GAIN, until=START + timedelta(days=3)),
        decide(Lift(), until=LATE),
        decide(GAIN, until=LATE, arms=2, reason="cost unknown; no control group to compare with"),
        decide(Lift(absolute=-0.02, low=-0.03, high=-0.01, p_value=0.001), until=START + timedelta(days=3)),
        decide(Lift(absolute=-0.02, low=-0.03, high=0.01, p_value=0.3), until=LATE, arms=2),
    ],
)
def test_every_decision_is_known_whatever_it_says(sentence: str) -> None:
    for words in (GERMAN, RUSSIAN, CHINESE):
        told = retell(sentence, words).replace("Brief; mit: allem", "")
        assert not ENGLISH.search(told), told


def test_the_reasons_for_a_model_are_known() -> None:
    good = GateValues(
        segments=5, smallest_share=0.05, outlier_share=0.02, stability=0.9, stability_min=0.8, separation=0.3
    )
    bad = GateValues(
        segments=1, smallest_share=0.001, outlier_share=0.5, stability=0.2, stability_min=float("nan"),
        admissible=False, reason="X",
    )  # fmt: skip
    standing = Standing(
        gain=None, champion_age_days=400, share_moved=0.2, share_drifted=None, wins=0, shadow_weeks=0
    )
    settings = PromotionSettings(shadow_weeks=2)
    for challenger in (good, bad):
        for champion, against in ((None, None), (good, None), (good, standing), (bad, standing)):
            for fault in (None, "no reference yet: drift is measured from the first champion on"):
                decided = decide_promotion(
                    challenger, champion, standing=against, data_fault=fault, settings=settings
                )
                for reason in decided.reasons:
                    assert retell(reason, CHINESE) != reason
                    assert not ENGLISH.search(retell(reason, RUSSIAN)), reason


def test_what_nobody_knows_stays_as_it_stands() -> None:
    for text in ("ConnectionError: host is gone", "half known; cost unknown, or so", ""):
        assert retell(text, GERMAN) == text
    assert retell("ConnectionError: gone; cost unknown", GERMAN) == "ConnectionError: gone; Kosten unbekannt"
