"""Deltas on the wire: the hottest message there is, some dozens a second for every answer that is being written.

Whoever writes them has its attempt's head encoded once, and whoever reads them wants the text only: both sides stand
here instead of a model that is validated for each (docs/protocol.md sections 4 and 10).
"""

from typing import Literal, NamedTuple

import orjson

from shared.contracts.enums import Purpose
from shared.contracts.model import Message
from shared.contracts.timestamps import iso_now


class Delta(Message):
    """A part of a text, in the order of `i`; a hint, which a fact may overrule."""

    type: Literal["delta"] = "delta"
    conversation_id: str
    seq: int
    purpose: Purpose
    attempt: str
    i: int
    text: str


class DeltaText(NamedTuple):
    """What is read of a delta: part `number` (0, 1, 2 ...) of what an attempt at message `seq` wrote."""

    seq: int
    attempt: str
    number: int
    text: str


class DeltaEncoder:
    """Writes the deltas of one attempt."""

    __slots__ = ("_head",)

    def __init__(self, run_id: str, conversation_id: str, seq: int, purpose: Purpose, attempt: str) -> None:
        head = {
            "type": "delta",
            "schemaVersion": 1,
            "runId": run_id,
            "conversationId": conversation_id,
            "seq": seq,
            "purpose": purpose,
            "attempt": attempt,
        }
        self._head = orjson.dumps(head)[:-1] + b',"at":"'

    def encode(self, number: int, text: str) -> bytes:
        """The delta as a JSON object. The text is of whole characters: halves of surrogate pairs raise TypeError."""
        return b'%s%s","i":%d,"text":%s}' % (self._head, iso_now().encode(), number, orjson.dumps(text))


def decode(payload: bytes) -> DeltaText:
    """The text of a delta; one that names no attempt is of the attempt "".

    Raises ValueError for what is no JSON, KeyError for what is no delta.
    """
    body = orjson.loads(payload)
    return DeltaText(body["seq"], body.get("attempt", ""), body["i"], body["text"])
