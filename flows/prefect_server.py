"""Prefect without a server to install: one is started beside the run and ends with it.

Where the user has a Prefect of their own (an API address in the environment or a profile), that is used instead.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.home import make_home
from tasks.registry_faults import name_place

# Read by Prefect, MLflow and Evidently at import; a value the user has set stays.
DEFAULTS = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_TASKS_DEFAULT_NO_CACHE": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


class PrefectUnreachableError(RuntimeError):
    """Prefect's server does not answer; the message says what to do."""


def set_defaults(*, home: str, debug: bool) -> None:
    """Quiet, private defaults for this process. To be called before Prefect is imported."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "INFO" if debug else "CRITICAL")
    # Whatever Prefect could not tell its server it would print whole, beside the one line that says so.
    os.environ.setdefault("PREFECT_LOGGING_INTERNAL_LEVEL", "ERROR" if debug else "CRITICAL")
    if not _has_own_prefect() and "://" not in home:
        if "PREFECT_HOME" not in os.environ:
            make_home(Path(home))
            os.environ["PREFECT_HOME"] = str(Path(home) / "prefect")
        Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)


def _has_own_prefect() -> bool:
    return "PREFECT_API_URL" in os.environ or (Path.home() / ".prefect" / "profiles.toml").exists()


def start_server() -> threading.Thread:
    """Start the embedded server while other work goes on; join the returned thread before calling a flow."""

    def start() -> None:
        from prefect.server.api.server import SubprocessASGIServer
        from prefect.settings import PREFECT_API_URL

        if not PREFECT_API_URL.value():
            SubprocessASGIServer().start()

    # A thread starts with an empty context, and Prefect keeps its settings there.
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(start,), name="prefect-server", daemon=True)
    thread.start()
    return thread


@contextmanager
def explaining_prefect() -> Iterator[None]:
    """Turn what Prefect's client raises when its server is away, or fails, into one line.

    Raises:
        PrefectUnreachableError: that is what happened inside the block.
    """
    import httpx

    try:
        yield
    except (httpx.HTTPError, RuntimeError) as error:
        if not isinstance(error, httpx.HTTPError) and "Failed to reach API" not in str(error):
            raise
        from prefect.settings import PREFECT_API_URL

        place, reason = name_place(PREFECT_API_URL.value() or "beside this run"), " ".join(str(error).split())
        raise PrefectUnreachableError(
            f"Prefect's server {place} does not answer ({reason}): once it does, run the same command again"
        ) from error


def import_what_runs_need() -> None:
    """The slow imports, made while the server starts on the other core."""
    import evidently  # noqa: F401
    import ibis.backends.duckdb  # noqa: F401
    import mlflow  # noqa: F401
    import sklearn.cluster  # noqa: F401
    import tea_tasting  # noqa: F401
