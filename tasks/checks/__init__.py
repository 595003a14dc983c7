"""What `segmentwerk doctor` looks at, one check a file.

Each module of this package exports `CHECK`. A check reads and never changes anything; what it finds is a line each:
that all is well, that something will matter, or that something is wrong, and then what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Literal

from pydantic import SecretStr

from models.mapping import Source
from models.masking import mask_text
from tasks.engines import EngineSettings

Status = Literal["ok", "warn", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        status: `ok`; `warn`: runs go on, but look at it; `wrong`: runs fail, or cannot be trusted.
        sentence: what was found.
        remedy: what to do about it; none where nothing has to be done.
    """

    status: Status
    sentence: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Shop:
    """What a configuration says that checks look at.

    Attributes:
        home, base: where the shop keeps everything; the folder of the configuration.
        timezone: the shop's own.
        sources: where its data comes from.
        tracking_uri: an MLflow of the user's; None: the one in `home`.
        pseudonym_key: from the environment; None: the one kept in `home`.
        engine: what rollups and factors run on.
        browser: what prints reports; None: whatever is found.
        sends_reports: whether reports are printed at all.
    """

    home: str
    base: str
    timezone: str
    sources: tuple[Source, ...]
    tracking_uri: str | None
    pseudonym_key: SecretStr | None
    engine: EngineSettings
    browser: str | None
    sends_reports: bool


@dataclass(frozen=True, slots=True)
class Examination:
    """What is examined, and when.

    Attributes:
        shop: None where there is no configuration: then only what needs none is looked at.
        now: the time.
        silence: after so long without a heartbeat a run of Prefect's is dead.
    """

    shop: Shop | None
    now: datetime
    silence: timedelta


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at.

    Attributes:
        name: what it is called in the doctor's lines.
        place: where in them it stands; lower comes first.
        look: from a shop and the time to what was found.
        needs_shop: whether there is nothing to look at without a configuration.
    """

    name: str
    place: int
    look: Callable[[Examination], Iterator[Finding]]
    needs_shop: bool = True


def load_checks() -> tuple[Check, ...]:
    """Every check of this package, in the order they are told in."""
    modules: list[Any] = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    return tuple(sorted((module.CHECK for module in modules), key=lambda check: check.place))


def run_check(check: Check, examination: Examination) -> list[Finding]:
    """What a check finds; one that breaks down has found something wrong."""
    if check.needs_shop and examination.shop is None:
        return []
    found: list[Finding] = []
    try:
        found.extend(check.look(examination))
    # Whatever stops a check is what the doctor was asked for; what it had found by then stands.
    except Exception as error:
        text = mask_text(str(error)) or type(error).__name__
        found.append(Finding("wrong", f"this could not be looked at: {text}"))
    return found


def require_shop(examination: Examination) -> Shop:
    """The shop.

    Raises:
        LookupError: there is none; a check that needs one is not run then.
    """
    if examination.shop is None:
        raise LookupError("there is no configuration")
    return examination.shop
