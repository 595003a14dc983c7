"""What a flow does when its run fails or dies: it tells those who want to know."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import MissingResult
from prefect.flows import Flow

from flows.error_line import OWN_ROOMS
from flows.settings import ConfigError, load_settings
from monitoring.notices import describe_failure
from tasks.logs import get_logger
from tasks.notifications import send_notices
from tasks.redaction import describe_error
from tasks.setbacks import read_setback


def tell_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """A hook for `on_failure` and `on_crashed`; Prefect's runner calls it too when a run's process was killed."""
    try:
        settings = load_settings(flow_run.parameters.get("config", "segmentwerk.toml"))
    except ConfigError:
        get_logger().warning("nobody is told of the failure: the configuration itself cannot be read")
        return
    notice = describe_failure(
        flow=flow.name,
        run=flow_run.name,
        as_of=flow_run.parameters.get("as_of"),
        reason=read_reason(state),
        title=settings.report.title,
    )
    send_notices.fn([notice], to=settings.notifications)


def read_reason(state: State[Any]) -> str:
    """Why a run failed, where it says so in words of this house; of other errors, which may hold rows and
    passwords, the stage and the kind."""
    try:
        error = state.result(raise_on_failure=False)
    except MissingResult:
        return ""
    if not isinstance(error, Exception):
        return ""
    stage = read_setback(error).stage
    own = type(error).__module__.partition(".")[0] in OWN_ROOMS
    # What another error caused repeats its words.
    if not own or error.__cause__ is not None:
        return f"It failed in '{stage}': {type(error).__name__}" if stage else ""
    return describe_error(error) if str(error) else ""
