"""How a command runs: its work with progress on standard error, its result on standard output, its exit code.

Everything slow is imported by the work itself. What has been imported then stays to the end, so the collector of
garbage is told to leave it alone: it would look through all of it whenever it looks through everything.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn


def run_flow(
    module: str,
    config: Path,
    as_of: date | None,
    *arguments: Any,
    prepare: Callable[[], Sequence[Any]] = tuple,
    as_json: bool,
    debug: bool,
    show: str,
) -> None:
    """Run the flow of a module under Prefect, with an embedded server where the user has none.

    Its arguments are those given and those that `prepare` gives.
    """

    def run() -> dict[str, Any]:
        from importlib import import_module

        from flows.prefect_server import explaining_prefect, import_what_runs_need, start_server
        from tasks.progress import report

        prepared = prepare()
        report("starting Prefect")
        server = start_server()
        import_what_runs_need()
        flow = getattr(import_module(f"flows.{module}"), module)
        server.join()
        gc.freeze()
        parameters = {"config": str(config)} | ({"as_of": as_of} if as_of else {})
        with explaining_prefect():
            result: dict[str, Any] = flow(*arguments, *prepared, **parameters)
        return result

    run_command(run, config=config, as_json=as_json, debug=debug, show=show)


def run_view(view: str, config: Path, *, as_json: bool, debug: bool, show: str, **options: Any) -> None:
    """Look at, or bring up to date, what is there, without a flow run."""

    def run() -> dict[str, Any]:
        from flows import views
        from flows.settings import load_settings

        gc.freeze()
        result: dict[str, Any] = getattr(views, view)(load_settings(config), **options)
        return result

    run_command(run, config=config, as_json=as_json, debug=debug, show=show)


def run_command(
    work: Callable[[], dict[str, Any]],
    *,
    show: str,
    as_json: bool,
    debug: bool,
    config: Path | None = None,
    home: str | None = None,
) -> dict[str, Any]:
    """Do the work, show its result and return it; a failure ends the process with the right exit code."""
    from flows.prefect_server import set_defaults
    from flows.settings import ConfigError, load_settings

    started = datetime.now(UTC)
    try:
        if config is not None and home is None:
            home = load_settings(config).home
        set_defaults(home=home or "var", debug=debug)
        from flows import terminal

        with terminal.progress(debug=debug):
            result = work()
    except ConfigError as error:
        _fail(error, code=2, debug=debug)
    except SystemExit:
        raise
    except BaseException as error:  # a panic within Delta is none of Exception's kind
        _fail(error, code=1, debug=debug)
    else:
        if as_json:
            sys.stdout.write(json.dumps(result, default=str) + "\n")
        else:
            getattr(terminal, show)(result)
            terminal.show_duration((datetime.now(UTC) - started).total_seconds())
        return result


def _fail(error: BaseException, *, code: int, debug: bool) -> NoReturn:
    from flows.error_line import write_error
    from flows.terminal.screen import plain
    from tasks.redaction import redact, write_traceback

    if debug:
        sys.stderr.write(write_traceback(error))
        raise SystemExit(code)
    sys.stderr.write(f"error: {plain(redact(write_error(error)))}\n")
    raise SystemExit(code)
