"""What `segmentwerk doctor` does: every check in its order, and dead runs' slots given back if asked to."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.settings import ConfigError, Settings, load_settings
from tasks.checks import Examination, Finding, Shop, load_checks, run_check
from tasks.progress import plan, stage

CONFIG = "config"


def examine(config: Path, *, silence: timedelta, release: bool) -> dict[str, Any]:
    """The findings of every check, and whether any is wrong; without a configuration, of those that need none.

    Args:
        config: the configuration file.
        silence: after so long without a heartbeat a run of Prefect's is dead.
        release: mark dead runs as crashed and give back slots that nobody holds, before anything is looked at.
    """
    from tasks.slots import examine_slots

    released = (
        [one for one in examine_slots(silence=silence, release=True) if one.released] if release else []
    )
    shop, told = _read_shop(config)
    examination = Examination(shop, datetime.now(UTC), silence)
    found = {CONFIG: [told]}
    checks = load_checks()
    plan(check.name for check in checks)
    for check in checks:
        with stage(check.name):
            found[check.name] = run_check(check, examination)
    lines = [{"check": name, **asdict(one)} for name, findings in found.items() for one in findings]
    return {
        "healthy": all(line["status"] != "wrong" for line in lines),
        "findings": lines,
        "released": [one.use.deployment for one in released],
    }


def _read_shop(config: Path) -> tuple[Shop | None, Finding]:
    if not config.is_file():
        sentence = f"{config}: no such file; only what needs none is looked at"
        return None, Finding("warn", sentence, "name it with --config, or write one: `segmentwerk init FILE`")
    try:
        settings = load_settings(config)
    except ConfigError as error:
        return None, Finding("wrong", str(error), "mend it; what needs it was not looked at")
    return describe_shop(settings), Finding("ok", f"{config} can be read, and every variable in it is set")


def describe_shop(settings: Settings) -> Shop:
    """What checks look at in a configuration."""
    return Shop(
        home=settings.home,
        base=settings.base,
        timezone=settings.timezone,
        sources=settings.sources,
        tracking_uri=settings.mlflow_tracking_uri,
        pseudonym_key=settings.pseudonym_key,
        engine=settings.engine,
        browser=settings.report.browser,
        sends_reports=any("report" in notification.on for notification in settings.notifications),
    )
