"""What was tried and what came of it, as a table of kinds and one of flows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from faults.courses import COURSES
from faults.trial import Verdict

COLUMNS = ("tried", "survived", "lost rows", "doubled rows")


def write_table(verdicts: Sequence[Verdict], *, hindered: Mapping[str, str]) -> str:
    """Markdown: kinds by flows with the faults tried, and sums; kinds that cannot be tried here say why."""
    tried = [one for one in verdicts if one.tried]
    courses = [course.name for course in COURSES if course.name in {one.course for one in tried}]
    lines = [_row("fault", *courses, *COLUMNS), _row("---", *["---:"] * (len(courses) + len(COLUMNS)))]
    for kind in dict.fromkeys(one.kind for one in tried):
        of_kind = [one for one in tried if one.kind == kind]
        lines.append(_row(kind, *_count(of_kind, courses), *_sum(of_kind)))
    lines.append(_row("**all**", *_count(tried, courses), *_sum(tried)))
    lines += [f"\n{kind}: not tried, {reason}." for kind, reason in hindered.items()]
    return "\n".join(lines)


def list_troubles(verdicts: Iterable[Verdict]) -> list[str]:
    return [
        f"{one.kind}, {one.course}, {one.moment} ({one.ended} {one.message}): {'; '.join(one.trouble)}"
        for one in verdicts
        if one.trouble
    ]


def _count(verdicts: Sequence[Verdict], courses: Sequence[str]) -> list[str]:
    counts = [sum(one.course == course for one in verdicts) for course in courses]
    return [str(count) if count else "–" for count in counts]


def _sum(verdicts: Sequence[Verdict]) -> list[str]:
    sums = (
        len(verdicts), sum(one.survived for one in verdicts), sum(one.lost for one in verdicts),
        sum(one.doubled for one in verdicts),
    )  # fmt: skip
    return [str(count) for count in sums]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
