"""The one place that takes secrets out of what is logged and told.

Every log record of the process passes here, whoever writes it and whoever shows or keeps it, Prefect's API included; so
does every error that a command ends with. What is a secret is known by its value: the configuration, the environment
and the key file say so where they are read. Beside that, whatever stands where an address has its password goes too.
"""

from __future__ import annotations

import logging
import os
import re
import traceback
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from models.masking import mask_text

MASK = "***"
SHORTEST = 4  # what is shorter stands in other words by chance
_LOGIN = re.compile(r"(?<=://)[^\s'\"<>]*@")
_OPTION = re.compile(
    r"\b(\w*(?:passw(?:or)?d|pwd|secret|token|api_?key|access_?key|signature))(=|%3D)([^\s&;'\"<>]+)",
    re.IGNORECASE,
)
# The whole of a webhook's path is its password.
_VARIABLE = re.compile(
    r"(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|PSEUDONYM_KEY|AUTH_STRING|WEBHOOK)$"
)
_kept: set[str] = set()


def keep_secret(*texts: str) -> None:
    """From now on none of these is logged or told, nor, of an address, its password by itself."""
    _kept.update(form for text in texts for form in _list_forms(text) if len(form) >= SHORTEST)
    _compile.cache_clear()
    logging.setLogRecordFactory(_RedactedRecord)


def keep_environment() -> None:
    """Whatever the environment has under the name of a secret, such as `AWS_SECRET_ACCESS_KEY`, is kept secret."""
    keep_secret(*(value for name, value in os.environ.items() if _VARIABLE.search(name.upper())))


def redact(text: str) -> str:
    """The text without secrets; lines stay lines."""
    known = _compile()
    text = known.sub(MASK, text) if known is not None else text
    return _OPTION.sub(rf"\1\2{MASK}", _LOGIN.sub(f"{MASK}@", text))


def describe_error(error: BaseException) -> str:
    """What an error from outside says, on one line, for people: without secrets, and without addresses and people."""
    return mask_text(redact(str(error))) or type(error).__name__


def write_traceback(error: BaseException) -> str:
    """An error with where it came from, without secrets."""
    return redact("".join(traceback.format_exception(error)))


class _RedactedRecord(logging.LogRecord):
    """A log record whose message and traceback hold no secret, whatever formats them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.exc_info and self.exc_info[1] is not None:
            # Formatters take this where it is given.
            self.exc_text = write_traceback(self.exc_info[1]).rstrip("\n")

    def getMessage(self) -> str:  # noqa: N802 (the base class's name)
        return redact(super().getMessage())


@cache
def _compile() -> re.Pattern[str] | None:
    """Any of the secrets, the longest first: one may be a part of another."""
    if not _kept:
        return None
    longest_first = sorted(_kept, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


def _list_forms(text: str) -> Iterator[str]:
    """A secret as it may be repeated: as it is, its password, the secrets among its options, decoded and encoded."""
    yield text
    try:
        parts = urlsplit(text)
    except ValueError:
        return
    options = [value for name, value in parse_qsl(parts.query) if _OPTION.match(f"{name}=x")]
    for secret in filter(None, (parts.password if parts.netloc else "", *options)):
        yield from {secret, unquote(secret), quote(unquote(secret), safe="")}
