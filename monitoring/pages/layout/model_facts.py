"""The model behind the segments: since when it has been in use, its figures, and why it was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from monitoring.pages import ReportData
from monitoring.pages.layout.retelling import retell
from monitoring.pages.layout.tables import Column, Table, build_table
from monitoring.pages.layout.tenures import list_tenures
from monitoring.pages.layout.verdicts import PROMOTION, UNKNOWN_PROMOTION, Verdict, read_verdict
from monitoring.pages.layout.words import MISSING, Words, format_text, read_part


def list_model_facts(data: ReportData) -> tuple[tuple[str, str, str], ...]:
    """What can be said about the model in use, or the one trained this week: a name, a figure, what it means."""
    words, _ = data.words, data.words.gettext
    training = data.champion or read_part(data.summary, "training")
    promotion = read_part(data.summary, "promotion")
    if not training.get("algorithm"):
        return ()
    champion = format_text(promotion.get("champion_version"))
    since = _find_since(data)
    return (
        (
            _("In use"),
            MISSING if champion == MISSING else _("Version {version}", version=champion),
            _("since {day}", day=words.format_date(since))
            if since is not None
            else _name_decision(promotion.get("decision"), words),
        ),
        (
            _("Algorithm"),
            _name_algorithm(training["algorithm"], data.algorithms),
            _("of the model in use") if data.champion else _("of the model trained this week"),
        ),
        (
            _("Stability"),
            words.format_number(training.get("stability")),
            _("1: the same segments whichever customers are left out; 0: by chance"),
        ),
        (
            _("Separation"),
            words.format_number(training.get("separation")),
            _("how far the segments stand apart; more is better"),
        ),
        (
            _("Silhouette"),
            words.format_number(training.get("silhouette")),
            _("−1 to 1: how much closer to one's own segment"),
        ),
        (
            _("In no segment"),
            words.format_share(training.get("outlier_share")),
            _("customers unlike any group"),
        ),
    )


def explain_tenure(data: ReportData) -> str:
    """Since when the model has been in use and why it was chosen then; nothing where that is not on record."""
    since = _find_since(data)
    if since is None:
        return ""
    words, _ = data.words, data.words.gettext
    opening = _tell_tenure(data, words, day=words.format_date(since))
    decision = data.promotions[data.promotions["decided_at"] == since].iloc[-1]
    if str(decision["as_of"]) == str(data.as_of):
        return opening  # the week's own choice, which is told anyway
    reasons = decision["reasons"]
    listed = reasons if isinstance(reasons, list | tuple) else [format_text(reasons)]
    told = _("; ").join(retell(str(reason), words) for reason in listed)
    if told in ("", MISSING):
        return opening
    return words.chain(opening, _("It was chosen then because: {why}", why=words.close_sentence(told)))


def explain_choice(data: ReportData) -> str:
    """Why the chosen model was chosen, in two sentences; nothing where no model was trained."""
    words, _ = data.words, data.words.gettext
    training = read_part(data.summary, "training")
    if not training.get("algorithm"):
        return ""
    algorithm = _name_algorithm(training["algorithm"], data.algorithms)
    segments = words.ngettext("{count} segment", "{count} segments", training.get("segments"))
    opening = _("{algorithm} with {segments} was chosen.", algorithm=algorithm, segments=segments)
    tried, chosen = data.candidates, pd.DataFrame()
    if len(tried):
        fits = tried["admissible"].astype(bool)
        alike = (tried["algorithm"] == training["algorithm"]) & (
            tried["segments"] == training.get("segments")
        )
        chosen = tried[fits & alike]
        opening = words.ngettext(
            "{count} candidate was compared and {fit} met every requirement; {algorithm} with {segments} was chosen.",
            "{count} candidates were compared and {fit} met every requirement; {algorithm} with {segments} was chosen.",
            len(tried),
            fit=words.format_count(fits.sum()),
            algorithm=algorithm,
            segments=segments,
        )
    if len(chosen) and (reason := format_text(chosen.iloc[0]["reason"])) != MISSING:
        opening = words.chain(opening, words.close_sentence(reason))
    decision = read_part(data.summary, "promotion")
    verdict = read_verdict(decision.get("decision"), PROMOTION, unknown=UNKNOWN_PROMOTION, words=words)
    reasons = words.join((retell(str(reason), words) for reason in decision.get("reasons") or ()), limit=4)
    closing = words.close_sentence(words.explain(verdict.meaning.rstrip(".。"), reasons))
    return words.chain(opening, closing) if closing else opening


def tabulate_candidates(candidates: pd.DataFrame, words: Words, *, algorithms: Mapping[str, str]) -> Table:
    """Every model that was compared."""
    _ = words.gettext
    columns = (
        Column("algorithm", _("Algorithm"), lambda name: _name_algorithm(name, algorithms)),
        Column("segments", _("Segments"), words.format_count, kind="number"),
        Column("silhouette", _("Silhouette"), words.format_number, kind="number"),
        Column("stability", _("Stability"), words.format_number, kind="number"),
        Column("separation", _("Separation"), words.format_number, kind="number"),
        Column("outlier_share", _("In no segment"), words.format_share, kind="number"),
        Column("smallest_share", _("Smallest segment"), words.format_share, kind="number"),
        Column("admissible", _("Admissible"), words.format_yes_no),
        Column("reason", _("Why")),
    )
    return build_table(candidates, columns, name="candidates", title=_("Models compared this week"))


def _find_since(data: ReportData) -> Any:
    """When the model in use was put there, the last time; None where that is not on record."""
    tenures = list_tenures(data.promotions)
    version = str(read_part(data.summary, "promotion").get("champion_version"))
    current = tenures.loc[tenures["version"].astype(str) == version, "since"]
    return None if current.empty else current.iloc[0]


def _tell_tenure(data: ReportData, words: Words, *, day: str) -> str:
    """Which model has been in use since that day."""
    version = read_part(data.summary, "promotion")["champion_version"]
    if not data.champion:
        return words.gettext("Version {version} has been in use since {day}.", version=version, day=day)
    return words.gettext(
        "Version {version}, {algorithm} with {segments}, has been in use since {day}.",
        version=version,
        algorithm=_name_algorithm(data.champion["algorithm"], data.algorithms),
        segments=words.ngettext("{count} segment", "{count} segments", data.champion.get("segments")),
        day=day,
    )


def _name_algorithm(algorithm: Any, known: Mapping[str, str]) -> str:
    return known.get(str(algorithm), format_text(algorithm))


def _name_decision(decision: Any, words: Words) -> str:
    return read_verdict(decision, PROMOTION, unknown=Verdict(MISSING, "", ""), words=words).word
