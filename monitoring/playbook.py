"""What the shop's owner wants done with each segment: a message, a channel, an offer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

LONGEST = 200


class Play(BaseModel):
    """One `[playbook.…]` section: what to say to a segment, where, and what to offer. At least one is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    message: str | None = Field(default=None, max_length=LONGEST)
    channel: str | None = Field(default=None, max_length=LONGEST)
    offer: str | None = Field(default=None, max_length=LONGEST)

    @field_validator("message", "channel", "offer")
    @classmethod
    def _filled(cls, text: str | None) -> str | None:
        if text is not None and not text.strip():
            raise ValueError("it is empty; leave it out")
        return text and text.strip()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.message is None and self.channel is None and self.offer is None:
            raise ValueError("it says nothing; give at least one of message, channel, offer")
        return self


def check_sections(playbook: Any) -> Any:
    """The `[playbook]` part as it was read, each section under its name without blanks around it.

    Raises:
        ValueError: something in it is no section, or two sections have one name.
    """
    if not isinstance(playbook, Mapping):
        return playbook
    for name, play in playbook.items():
        if not isinstance(play, Mapping | Play):
            raise ValueError(
                f"'{name}' belongs into the section of a segment: [playbook.1] by id or "
                '[playbook."Regulars"] by name'
            )
    named = {str(name).strip(): play for name, play in playbook.items()}
    if "" in named or len(named) < len(playbook):
        raise ValueError("each section needs the id or the name of another segment")
    return named


def find_play(playbook: Mapping[str, Play], *, segment_id: int, name: str) -> Play | None:
    """What is to be done with a segment; its id counts before its name, which may have been another's."""
    return playbook.get(str(segment_id)) or playbook.get(name)


def list_strangers(playbook: Mapping[str, Play], segments: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    """The sections no segment is meant by: segments come and go.

    Args:
        segments: id and name of those there are.
    """
    known = {text for segment_id, name in segments for text in (str(segment_id), name)}
    return tuple(name for name in playbook if name not in known)
