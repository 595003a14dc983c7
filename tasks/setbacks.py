"""Where a run stood when it failed, told by the error itself as it passes.

Stages and the lake's writer write it on the error (as notes, so that a traceback shows it, too); whoever tells of the
failure reads it there. Nothing has to be handed through Prefect, which raises the same error again.
"""

from __future__ import annotations

from dataclasses import dataclass

_STAGE, _RUN, _ON_RECORD = "stage: ", "run: ", "the run is on record"


@dataclass(frozen=True, slots=True)
class Setback:
    """Where it happened.

    Attributes:
        stage: the innermost stage; None outside of any.
        run_id: the run that was writing; None where none had begun.
        on_record: whether the run had been committed by then.
    """

    stage: str | None
    run_id: str | None
    on_record: bool


def note_stage(error: BaseException, stage: str) -> None:
    """Write down the stage the error comes from; the innermost one is told."""
    if _read(error, _STAGE) is None:
        error.add_note(f"{_STAGE}{stage}")


def note_run(error: BaseException, run_id: str | None, *, on_record: bool) -> None:
    """Write down the run that failed, and whether what it wrote can be seen all the same."""
    if run_id is not None:
        error.add_note(f"{_RUN}{run_id}")
    if on_record:
        error.add_note(_ON_RECORD)


def read_setback(error: BaseException) -> Setback:
    """What has been written down on the error, or on what it came from."""
    return Setback(_read(error, _STAGE), _read(error, _RUN), _ON_RECORD in _list_notes(error))


def _read(error: BaseException, prefix: str) -> str | None:
    found = (note.removeprefix(prefix) for note in _list_notes(error) if note.startswith(prefix))
    return next(found, None)


def _list_notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", []))
