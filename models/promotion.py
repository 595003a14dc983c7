"""The gate: a new model takes the champion's place only when it has earned it.

Every rule is a named threshold and gives a sentence with its numbers. What cannot be judged does not pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal, Protocol, TypeGuard

from pydantic import BaseModel, ConfigDict, Field

Decision = Literal["first", "promote", "keep", "blocked"]


class PromotionSettings(BaseModel):
    """`[promotion]`: what a challenger must show.

    Attributes:
        min_gain: the least gain in separation over the champion.
        wins_needed: weeks running that a challenger must have been better than the champion.
        stability_mean: the least agreement of the model with models of other customers, over all segments.
        stability_min: the same for the least stable segment.
        smallest_share: the least share of customers in the smallest segment.
        outlier_share_max: the largest share of customers in no segment.
        moved_max: the largest share of customers who may change segment at once; 1 is no limit, for after a great
            change of habits the better model must move nearly everybody.
        max_age_days: a champion older than this yields to a challenger that is not worse.
        non_inferiority: a challenger is not worse when the lower bound of its gain is above minus this.
        population_min: the least number of customers, as a share of those the champion was trained on, that a week
            must have; with fewer the run stops.
        shadow_weeks: weeks a challenger is scored beside the champion before it may win.
        approval: `manual` asks a person on Prefect's input form before a champion is replaced.
        approval_minutes: how long the run waits for the answer; without one the champion stays.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_gain: float = Field(default=0.01, ge=0, le=1)
    wins_needed: int = Field(default=2, ge=1)
    stability_mean: float = Field(default=0.75, ge=0, le=1)
    stability_min: float = Field(default=0.60, ge=0, le=1)
    smallest_share: float = Field(default=0.01, ge=0, lt=0.5)
    outlier_share_max: float = Field(default=0.25, ge=0, lt=1)
    moved_max: float = Field(default=1.0, gt=0, le=1)
    max_age_days: int = Field(default=180, ge=1)
    non_inferiority: float = Field(default=0.01, ge=0, le=1)
    population_min: float = Field(default=0.5, ge=0, le=1)
    shadow_weeks: int = Field(default=0, ge=0)
    approval: Literal["automatic", "manual"] = "automatic"
    approval_minutes: float = Field(default=60, gt=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateValues:
    """What the gate looks at in a model. A number that could not be had is NaN or None and does not pass.

    Attributes:
        segments: how many segments, outliers not counted.
        smallest_share: share of customers in the smallest segment, 0–1.
        outlier_share: share of customers in no segment, 0–1.
        stability: mean agreement with models fitted on other customers, 1 at best.
        stability_min: the same for the least stable segment.
        separation: how far what customers do afterwards differs between segments, 0–1; None where unknown.
        admissible: whether the search that found the model thought it fit for use.
        reason: why not, if not.
    """

    segments: int
    smallest_share: float
    outlier_share: float
    stability: float
    stability_min: float
    separation: float | None = None
    admissible: bool = True
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The values by name, ready for JSON: unknown numbers are None."""
        return {name: _clean(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GateValues:
        """The values out of `to_dict`; numbers unknown or absent are NaN."""
        numbers = ("smallest_share", "outlier_share", "stability", "stability_min")
        unknown = {name: math.nan for name in numbers if values.get(name) is None}
        return cls(**{**values, **unknown})


class Gain(Protocol):
    """The challenger's separation minus the champion's on the same customers.

    `low` is the one-sided 95 % lower bound of `gain`; `detectable` the gain that could have been noticed.
    """

    @property
    def gain(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def detectable(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a challenger stands to the champion. What could not be had is None or NaN and does not pass.

    Attributes:
        gain: in separation over the champion; None where it could not be measured, `trouble` says why.
        champion_age_days: days since the champion was trained.
        share_moved: share of customers whose segment would change, 0–1.
        share_drifted: share of the champion's inputs that have drifted since its training, 0–1.
        wins: weeks running, before this one, that a challenger was better than this champion.
        shadow_weeks: whole weeks that this challenger has been scored beside the champion.
        decided_later: the last day of a later week that has been decided already, if one has.
    """

    gain: Gain | None
    trouble: str = ""
    champion_age_days: float | None
    share_moved: float | None
    share_drifted: float | None
    wins: int = 0
    shadow_weeks: int = 0
    decided_later: date | None = None


@dataclass(frozen=True, slots=True)
class PromotionDecision:
    """What happens to the challenger.

    Attributes:
        decision: `first` (there was no champion), `promote`, `keep` (the champion stays) or `blocked` (the
            data cannot be trusted, or there is neither a champion nor a challenger fit for use).
        promote: whether the challenger becomes champion.
        won: whether it was better than the champion and passed everything but having been so for long enough.
        reasons: a sentence for every rule, the ones that decided first.
        values: every number the rules looked at, and `won`, ready for JSON.
    """

    decision: Decision
    promote: bool
    won: bool
    reasons: tuple[str, ...]
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Finding:
    passed: bool
    sentence: str
    known: bool = True


def decide_promotion(
    challenger: GateValues,
    champion: GateValues | None,
    *,
    standing: Standing | None,
    data_fault: str | None,
    settings: PromotionSettings,
) -> PromotionDecision:
    """Decide whether the challenger becomes champion.

    A data fault blocks. With a champion in place, the challenger must pass every gate of its own (admissible,
    number and size of segments, outliers, stability), must not move too many customers, and then either gain
    `min_gain` with a lower bound above 0, for `wins_needed` weeks running, or be no worse (bound above
    −`non_inferiority`) than a champion that is over age or is known not to pass those gates itself. Any number
    missing keeps the champion.

    Without a champion there is nothing to protect, and a shop is better served by segments whose edges are
    uncertain than by none: a first model must pass the gates on its segments' number and size and on
    outliers, but may fall short in the others, as long as they were measured. The reason then calls it
    provisional, and by the rule above it gives way to the first challenger that passes and is no worse.

    Args:
        challenger: the new model.
        champion: the model in use, its sizes measured today, its stability at its training; None if there is none.
        standing: challenger against champion; None if there is none.
        data_fault: why this week's data cannot be trusted, if so.
        settings: the thresholds.
    """
    shape, fitness = _judge_shape(challenger, settings), _judge_fitness(challenger, settings)
    won = False
    if data_fault:
        stays = "there is no champion yet" if champion is None else "the champion stays"
        findings = [_Finding(False, f"this week's data cannot be trusted ({data_fault}): {stays}")]
        decision: Decision = "blocked"
    elif champion is None:
        decision, findings = _decide_first(shape, fitness)
    elif standing is None:
        decision, findings = "keep", [_Finding(False, "how the challenger stands to the champion is unknown")]
    else:
        own = [*_judge_shape(champion, settings), *_judge_fitness(champion, settings)]
        weak = [finding for finding in own if finding.known and not finding.passed]
        due = _find_due(standing.champion_age_days, weak, settings)
        contest = _judge_contest(standing, settings, due=due)
        findings = [contest, *shape, *fitness, *_judge_disturbance(standing, settings)]
        won = all(finding.passed for finding in findings)
        findings += _judge_patience(standing, settings, due=due)
        decision = "promote" if all(finding.passed for finding in findings) else "keep"
    ordered = findings if decision == "promote" else sorted(findings, key=lambda finding: finding.passed)
    reasons = tuple(finding.sentence for finding in ordered)
    values = _list_values(challenger, champion, standing, data_fault, won=won)
    return PromotionDecision(decision, decision in ("first", "promote"), won, reasons, values)


def _decide_first(shape: Sequence[_Finding], fitness: Sequence[_Finding]) -> tuple[Decision, list[_Finding]]:
    findings = [*shape, *fitness]
    if not all(finding.known for finding in findings) or not all(finding.passed for finding in shape):
        opening = _Finding(False, "there is no champion, and the first model is not fit for use")
        return "blocked", [opening, *findings]
    if all(finding.passed for finding in fitness):
        return "first", [_Finding(False, "there was no champion: the first model is installed"), *findings]
    opening = _Finding(
        False,
        "there was no champion: the first model is installed provisionally, its segments may still shift",
    )
    return "first", [opening, *findings]


def _judge_shape(model: GateValues, settings: PromotionSettings) -> list[_Finding]:
    smallest, outliers = settings.smallest_share, settings.outlier_share_max
    return [
        _Finding(model.segments >= 2, f"{model.segments} segments (at least 2)"),
        _compare("the smallest segment holds", model.smallest_share, at_least=smallest, unit="share"),
        _compare("customers in no segment:", model.outlier_share, at_most=outliers, unit="share"),
    ]


def _judge_fitness(model: GateValues, settings: PromotionSettings) -> list[_Finding]:
    least = settings.stability_min
    findings = [
        _compare("stability", model.stability, at_least=settings.stability_mean),
        _compare("stability of the least stable segment", model.stability_min, at_least=least),
    ]
    if not model.admissible:
        reason = model.reason or "no reason given"
        findings.append(_Finding(False, f"the search found the model not fit for use: {reason}"))
    return findings


def _compare(
    name: str,
    value: float | None,
    *,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    unit: Literal["number", "share"] = "number",
) -> _Finding:
    """Whether the value lies within the bound, in words. A missing number does not."""
    bound = (
        f"at least {_write(at_least, unit)}" if at_least > -math.inf else f"at most {_write(at_most, unit)}"
    )
    if not _is_number(value):
        return _Finding(False, f"{name} unknown ({bound})", known=False)
    return _Finding(at_least <= value <= at_most, f"{name} {_write(value, unit)} ({bound})")


def _find_due(age: float | None, weak: Sequence[_Finding], settings: PromotionSettings) -> str:
    """Why the champion should go even for a challenger that is only no worse; empty if it should not."""
    if _is_number(age) and age > settings.max_age_days:
        return f"the champion is {age:.0f} days old (at most {settings.max_age_days})"
    return f"the champion does not pass itself ({weak[0].sentence})" if weak else ""


def _judge_contest(standing: Standing, settings: PromotionSettings, *, due: str) -> _Finding:
    """The challenger against the champion: clearly better, or no worse than one that should go."""
    gain = standing.gain
    if gain is None or not (_is_number(gain.gain) and _is_number(gain.low)):
        why = f": {standing.trouble}" if standing.trouble else ""
        return _Finding(False, f"the gain in separation over the champion could not be measured{why}")
    if not _is_number(standing.champion_age_days):
        return _Finding(False, "the champion's age is unknown")
    measured = _describe_gain(gain)
    better = f"at least {settings.min_gain:.3f}, bound above 0"
    if _is_better(gain, settings):
        return _Finding(True, f"the challenger is better: {measured} ({better})")
    if not due:
        return _Finding(False, f"the challenger is not clearly better: {measured} ({better})")
    margin = f"bound above {-settings.non_inferiority:+.3f}"
    if gain.low > -settings.non_inferiority:
        return _Finding(True, f"{due} and the challenger is no worse: {measured} ({margin})")
    return _Finding(False, f"{due}, but the challenger may be worse: {measured} ({margin})")


def _describe_gain(gain: Gain) -> str:
    if gain.gain == gain.low == gain.detectable == 0:
        return "it is the champion's own recipe, fitted anew, so the gain in separation is none"
    detectable = f", {gain.detectable:.3f} could have been noticed" if _is_number(gain.detectable) else ""
    return f"gain in separation {gain.gain:+.3f}, lower bound {gain.low:+.3f}{detectable}"


def _is_better(gain: Gain | None, settings: PromotionSettings) -> bool:
    return gain is not None and gain.low > 0 and gain.gain >= settings.min_gain


def _judge_disturbance(standing: Standing, settings: PromotionSettings) -> list[_Finding]:
    """What a new champion would mean for those who work with the segments, and whether it comes in time."""
    moved, drifted, later = standing.share_moved, standing.share_drifted, standing.decided_later
    findings = [
        _compare("customers who would change segment:", moved, at_most=settings.moved_max, unit="share")
    ]
    if _is_number(drifted):
        findings.append(_Finding(True, f"{_write(drifted, 'share')} of the champion's inputs have drifted"))
    else:
        findings.append(_Finding(False, "it is unknown how far the champion's inputs have drifted"))
    if later is not None:
        findings.append(
            _Finding(False, f"the week to {later} has been decided already: an older one changes nothing")
        )
    return findings


def _judge_patience(standing: Standing, settings: PromotionSettings, *, due: str) -> list[_Finding]:
    """Whether it has been better, or in shadow, for long enough. Over a champion that is due one win will do."""
    findings = []
    if _is_better(standing.gain, settings) and not due:
        wins, needed = standing.wins + 1, settings.wins_needed
        findings.append(
            _Finding(wins >= needed, f"a challenger was better {wins} weeks running (at least {needed})")
        )
    if settings.shadow_weeks:
        weeks, needed = standing.shadow_weeks, settings.shadow_weeks
        findings.append(
            _Finding(weeks >= needed, f"{weeks} weeks in the champion's shadow (at least {needed})")
        )
    return findings


def count_wins(decisions: Sequence[Mapping[str, Any]], *, champion_version: str) -> int:
    """Weeks running, up to the last, that a challenger won against this champion and did not replace it.

    Args:
        decisions: of earlier weeks, oldest first: `champion_version`, and `won` as `PromotionDecision` has it.
    """
    wins = 0
    for decision in reversed(decisions):
        if decision["champion_version"] != champion_version or not decision["won"]:
            break
        wins += 1
    return wins


def _list_values(
    challenger: GateValues,
    champion: GateValues | None,
    standing: Standing | None,
    data_fault: str | None,
    *,
    won: bool,
) -> dict[str, Any]:
    gain = standing.gain if standing else None
    compared = {name: _clean(getattr(gain, name, None)) for name in ("gain", "low", "detectable")}
    known = ("champion_age_days", "share_moved", "share_drifted", "wins", "shadow_weeks")
    return {
        "challenger": challenger.to_dict(),
        "champion": champion.to_dict() if champion else None,
        **compared,
        **{name: _clean(getattr(standing, name, None)) for name in known},
        "data_fault": data_fault,
        "won": won,
    }


def _clean(value: Any) -> Any:
    """JSON has no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _write(value: float, unit: str) -> str:
    return f"{value * 100:.2f} %" if unit == "share" else f"{value:.3f}"
