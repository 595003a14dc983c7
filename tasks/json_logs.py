"""Logs for machines: one JSON object a line, with the run, the flow and the task it is of.

`SEGMENTWERK_LOG=json` writes them to standard error, as a container's collector wants them; any other value is the path
of a file, which is begun anew when it is full. They hold counts and names of the configuration; e-mail addresses, phone
numbers and URIs are masked, and of an error only its kind is told, as its text may hold rows.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from models.masking import mask_text

VARIABLE = "SEGMENTWERK_LOG"
ON_STDERR = "json"
FILE_BYTES, FILES = 10 * 2**20, 5
LOGGERS = ("segmentwerk", "prefect.flow_runs", "prefect.task_runs")
_run: ContextVar[tuple[str, str] | None] = ContextVar("run", default=None)


def name_run(run_id: str, flow: str) -> None:
    """Let all lines from here on say which run they are of."""
    _run.set((run_id, flow))


def forget_run() -> None:
    """Let lines from here on be of no run, until the next one begins."""
    _run.set(None)


def read_run_id() -> str | None:
    """The run that is at work in this context; None where none has begun."""
    run = _run.get()
    return run[0] if run else None


class JsonLines(logging.Formatter):
    """Time, level, run_id, flow, task and message of a record; its `counts`, where it has some."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        run_id, flow = _run.get() or (None, getattr(record, "flow_name", None))
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "run_id": run_id,
            "flow": flow,
            "task": getattr(record, "task_name", None),
            "message": mask_text(record.getMessage()),
        }
        counts: Mapping[str, Any] | None = getattr(record, "counts", None)
        if counts:
            line["counts"] = dict(counts)
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line, ensure_ascii=False, default=str)


def write_json_logs() -> None:
    """Write them from here on, where the environment asks for it. To be called before each line: Prefect sets levels
    anew whenever a run begins."""
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    handler = _open_log(wanted)
    for name in LOGGERS:
        logger = logging.getLogger(name)
        # The same lines are not to stand there twice, nor on a screen that was to stay quiet.
        if wanted == ON_STDERR or logging.getLogger("prefect").level > logging.INFO:
            logger.propagate = False
        logger.setLevel(logging.INFO)
        if handler not in logger.handlers:
            logger.addHandler(handler)


@cache
def _open_log(wanted: str) -> logging.Handler:
    handler: logging.Handler
    if wanted == ON_STDERR:
        handler = logging.StreamHandler(sys.stderr)
    else:
        Path(wanted).parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            wanted, maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="utf-8", delay=True
        )
    handler.setFormatter(JsonLines())
    return handler
