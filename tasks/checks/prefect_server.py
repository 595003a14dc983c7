"""Whether Prefect answers, has the deployments, and holds no slot for a run that no longer runs."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.checks import Check, Examination, Finding
from tasks.slots import REMEDY, examine_slots

ANSWER_SECONDS = 5.0


def look_at_prefect(examination: Examination) -> Iterator[Finding]:
    from prefect.settings import PREFECT_API_URL

    api = PREFECT_API_URL.value()
    if not api:
        yield Finding("ok", "no server is configured: each command brings its own")
        return
    trouble = _ask(api)
    if trouble:
        yield Finding("wrong", f"{api} does not answer ({trouble})", "start it, or correct PREFECT_API_URL")
        return
    try:
        found = examine_slots(silence=examination.silence)
    except LookupError as error:
        yield Finding("warn", str(error), "segmentwerk deploy")
        return
    for one in found:
        for sentence in one.sentences:
            yield Finding("wrong", sentence, REMEDY)
    names = ", ".join(one.use.deployment for one in found)
    if all(one.healthy for one in found):
        yield Finding("ok", f"{api} answers; no dead run holds a slot of {names}")


def _ask(api: str) -> str | None:
    """Why the server does not answer; None if it does."""
    import httpx

    try:
        httpx.get(f"{api}/health", timeout=ANSWER_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return None


CHECK = Check("prefect", 60, look_at_prefect, needs_shop=False)
