"""Names of time zones, as a configuration gives them."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator

# What this machine calls its own is another zone on the next.
_OF_THE_MACHINE = frozenset({"localtime", "Factory", "posixrules"})


def check_timezone(name: str) -> str:
    """The name itself, if there is such a time zone.

    Raises:
        ValueError: there is none.
    """
    if name not in available_timezones() - _OF_THE_MACHINE:
        raise ValueError("not a known timezone; use a name such as Europe/Berlin")
    return name


Timezone = Annotated[str, AfterValidator(check_timezone)]
