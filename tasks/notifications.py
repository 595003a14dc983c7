"""Messages to people, through Prefect's notification blocks. One that cannot be sent never fails a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.masking import mask_text
from monitoring.notices import Notice, Notification
from tasks.logs import get_logger
from tasks.redaction import keep_secret, redact

if TYPE_CHECKING:
    from prefect.blocks.abstract import NotificationBlock


@task(name="send notices", cache_policy=NO_CACHE, persist_result=False)
def send_notices(notices: Sequence[Notice], *, to: Sequence[Notification]) -> int:
    """Send every message to whoever wants to hear of its occasion.

    Returns:
        how many were sent. What cannot be sent is logged, without the secrets of its block, and let go.
    """
    sent = 0
    for notification in to:
        wanted = [notice for notice in notices if set(notice.occasions) & set(notification.on)]
        sent += sum(
            send_through(notification.block, partial(_notify, notice), subject=notice.subject)
            for notice in wanted
        )
    return sent


def _notify(notice: Notice, block: Any) -> None:
    # Prefect declares `notify` as a coroutine, which it is only where an event loop runs.
    block.notify(notice.body, subject=notice.subject)


def send_through(name: str, send: Callable[[NotificationBlock], None], *, subject: str) -> bool:
    """Have `send` use the block of that name; what goes wrong is logged, without the block's secrets, and let go."""
    try:
        block = load_block(name)
        # The libraries that send log addresses of their own accord, and a webhook's address is a password.
        keep_secret(*_list_secrets(block))
        with block.raise_on_failure():
            send(block)
    except Exception as error:  # a message is worth less than the run it tells of
        # Apprise's own words are beside the error, not in it.
        said = str(getattr(error, "log", error)) or type(error).__name__
        told = mask_text(redact(said))
        get_logger().warning("'%s' could not be sent through %s: %s", subject, name, told)
        return False
    get_logger().info("sent '%s' through %s", subject, name)
    return True


def load_block(name: str) -> NotificationBlock:
    """A notification block by `type/name`.

    Raises:
        ValueError: Prefect has no such block.
        TypeError: it is no notification block.
    """
    # A block's type must have been imported before one can be loaded.
    import prefect.blocks.notifications  # noqa: F401
    from prefect.blocks.abstract import NotificationBlock
    from prefect.blocks.core import Block

    import tasks.mail  # noqa: F401

    _quiet_apprise()
    block = Block.load(name)
    if not isinstance(block, NotificationBlock):
        raise TypeError(
            f"{name} is a {type(block).__name__}, which sends no messages; see docs/notifications.md"
        )
    return block


def _quiet_apprise() -> None:
    """It logs an address it cannot read while the block is loaded; what it says of a failure is in the error too."""
    logger = logging.getLogger("apprise")
    if logger.propagate:
        logger.propagate = False
        logger.addHandler(logging.NullHandler())


def _list_secrets(block: NotificationBlock) -> Iterator[str]:
    for field in type(block).model_fields:
        value = getattr(block, field)
        secret = value.get_secret_value() if hasattr(value, "get_secret_value") else ""
        for part in map(str, secret.values() if isinstance(secret, dict) else (secret,)):
            yield part
            if "://" in part:
                # Where the address is told in parts, its path gives it away.
                yield part.partition("://")[2].partition("/")[2]
                yield part.rpartition("/")[2]
