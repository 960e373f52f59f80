"""The events that are told and how they are known again: each holds its number, a mark and the moment it was told."""

import re
import time
from dataclasses import dataclass
from typing import Final

MARK: Final = b"~"
"""Stands once in every event and nowhere else, so that events can be counted without reading them."""

_TOLD: Final = re.compile(rb'"i":([0-9]+),"told":([0-9]+)')
_WORDS: Final = "what was said at this point of the conversation"


@dataclass(frozen=True)
class Known:
    """What a reader sees of an event: its number, and how long it was on its way."""

    number: int
    delay_seconds: float


def delta(run_id: str, conversation_id: str, number: int) -> bytes:
    """A piece of text of about 250 bytes, told now."""
    about = f'{{"type":"delta","schemaVersion":1,"runId":"{run_id}","conversationId":"{conversation_id}"'
    about = f'{about},"seq":1,"purpose":"turn","attempt":"a1"'
    return f'{about},"i":{number},"told":{time.monotonic_ns()},"text":"{_WORDS}~"}}'.encode()


def known(frame: bytes) -> Known | None:
    """The event in a frame; None where the frame holds none of ours."""
    found = _TOLD.search(frame)
    return Known(int(found[1]), (time.monotonic_ns() - int(found[2])) / 1e9) if found else None
