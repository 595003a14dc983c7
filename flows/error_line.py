"""The one line that says why a command failed, where it stood, and what to do next."""

from __future__ import annotations

import re

from models.masking import mask_text
from tasks.setbacks import Setback, read_setback

OWN_ROOMS = ("flows", "tasks", "models", "monitoring")
AGAIN = "run the same command again"
# What the system says, whoever passes it on (Delta, DuckDB, SQLite), and what helps.
REMEDIES = {
    "No space left on device": "free some space on the disk",
    "database or disk is full": "free some space on the disk",
    "File too large": "raise the limit for the size of files",
    "Disk quota exceeded": "raise the quota or free some space",
    "Read-only file system": "make the folder writable",
    "Permission denied": "give this user the right to write there",
}
# A word as long is no name; its beginning tells which was meant.
_ENDLESS = re.compile(r"(\S{120})\S{900,}")
# Of Python's own errors, those that this house raises with words for people.
_SPOKEN = (LookupError, ValueError, RuntimeError, OSError, NotADirectoryError)


def write_error(error: BaseException) -> str:
    """Why, and what to do: an error of this house says so itself, of any other its kind is told and where to look."""
    return _ENDLESS.sub(r"\1…", _explain(error))


def _explain(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    where = read_setback(error)
    text = " ".join(str(error).split())
    if is_own(error):
        return (add_remedy(text) or type(error).__name__) + _add_place(where, text=add_remedy(text))
    place = f"{where.stage}: " if where.stage else ""
    told = add_remedy(_describe(error, text=text))
    look = (
        ""
        if AGAIN in told
        else "; run again with --debug for the traceback, or look with `segmentwerk doctor`"
    )
    return f"{place}{told}; {_tell_state(where)}{look}"


def add_remedy(text: str) -> str:
    """A message of the system's with what helps, where it does not say so itself."""
    remedy = next((helps for says, helps in REMEDIES.items() if says.lower() in text.lower()), None)
    return text if remedy is None or AGAIN in text else f"{text}; {remedy} and {AGAIN}"


def is_own(error: BaseException) -> bool:
    """Whether the message is one of ours, which name the thing and the remedy: by its type, or by who raised it."""
    if _is_ours(type(error).__module__):
        return True
    # What the system refuses comes with its number, also where a function of ours asked for it.
    if type(error) not in _SPOKEN or getattr(error, "errno", None) is not None:
        return False
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return frame is not None and _is_ours(frame.tb_frame.f_globals.get("__name__", ""))


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in OWN_ROOMS


def _describe(error: BaseException, *, text: str) -> str:
    """An error of others: it may quote what it was given, rows, addresses, a connection with its password."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"{type(error).__name__}: {mask_text(text)}" if text else type(error).__name__


def _add_place(where: Setback, *, text: str) -> str:
    if where.run_id is None:
        return ""
    stage = f"in {where.stage}, " if where.stage else ""
    then = "" if AGAIN in text or where.on_record else f": mend it and {AGAIN}"
    return f" ({stage}run {where.run_id}; {_tell_state(where)}{then})"


def _tell_state(where: Setback) -> str:
    if where.on_record:
        return f"the run is on record, and what comes after it is done when you {AGAIN}"
    return "nothing of this run is visible" if where.run_id else "nothing was written"
