"""The logger of the current Prefect run, or a plain one where a task is called by itself."""

from __future__ import annotations

import logging
from typing import Any

from tasks.json_logs import write_json_logs

Logger = logging.Logger | logging.LoggerAdapter[Any]


def get_logger() -> Logger:
    """Prefect's run logger inside a run, else the logger `segmentwerk`; as JSON, too, where that is asked for."""
    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    write_json_logs()
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("segmentwerk")
