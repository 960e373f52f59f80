"""What happens to one answer: the events of its run that are about it, with types. Pure.

Opened ── TextDelta ... TextDelta ── Discarded    an attempt that came to nothing
Opened ── TextDelta ... TextDelta ── Answered     the answer stands
                                     Closed       the conversation ended without it
"""

import json
from typing import Any, Final, NamedTuple

import orjson

from gateway.event_stream.log.events import DELTA, RUN_ENDED
from gateway.event_stream.log.frames import one_line
from shared.contracts.deltas import decode
from shared.contracts.endings import ENDINGS
from shared.contracts.enums import EndedReason, FailureFamily, Side
from shared.contracts.kinds import ANSWER_PURPOSES
from shared.contracts.transcript import Failure

CONVERSATION_ENDED: Final = "conversation.ended"


class Opened(NamedTuple):
    """An attempt begins."""

    sequence: int
    attempt: str
    provider: str
    model: str


class TextDelta(NamedTuple):
    """Text of an attempt, number 0, 1, 2 ...; `escaped` is what stands between the quotes of a JSON string."""

    sequence: int
    attempt: str
    number: int
    escaped: bytes

    @property
    def text(self) -> str:
        return unescaped(self.escaped)


class Discarded(NamedTuple):
    """An attempt's text does not count; `next` says what follows (`retry`, `fallback`, `none`)."""

    sequence: int
    attempt: str
    next: str


class Answered(NamedTuple):
    """The answer stands: the message as REST shows it, its `content` always there."""

    sequence: int
    message: dict[str, Any]

    @property
    def content(self) -> str:
        return self.message["content"] or ""

    @property
    def finish_reason(self) -> str | None:
        return self.message.get("finishReason")


class Closed(NamedTuple):
    """There will be no answer: the contract's code, a sentence, and of a provider's fault what `Failure` says of it."""

    sequence: int
    code: str
    sentence: str
    family: FailureFamily | None = None
    retry_after: float | None = None


AnswerEvent = Opened | TextDelta | Discarded | Answered | Closed


def read_answer_event(sequence: int, type_: str, payload: bytes, seq: int) -> AnswerEvent | None:
    """The run's event as one of the answer at `seq`; None where it is about something else."""
    if type_ == DELTA:
        return _text(sequence, payload, seq)
    if type_ in (CONVERSATION_ENDED, RUN_ENDED):
        return _closed(sequence, json.loads(payload))
    if type_ not in ("attempt.started", "attempt.discarded", "message"):
        return None
    body: dict[str, Any] = json.loads(payload)
    if body.get("seq") != seq:
        return None
    if type_ == "message":
        return Answered(sequence, body) if body["side"] == Side.AGENT else None
    if type_ == "attempt.started":
        # A judge's or a summary's attempt may be about the same seq.
        about_it = body["purpose"] in ANSWER_PURPOSES
        return Opened(sequence, body["attempt"], body["provider"], body["model"]) if about_it else None
    return Discarded(sequence, body["attempt"], body["next"])


def escaped(text: str) -> bytes:
    """What stands between the quotes of the text as a JSON string."""
    inner = orjson.dumps(text)[1:-1]
    # Asked of the characters, which takes a tenth of the time it takes of the bytes.
    return one_line(inner) if "\u2028" in text or "\u2029" in text or "\u0085" in text else inner


def unescaped(inner: bytes) -> str:
    """The text that `escaped` wrote."""
    text: str = json.loads(b'"%s"' % inner)
    return text


def _text(sequence: int, payload: bytes, seq: int) -> TextDelta | None:
    delta = decode(payload)
    return TextDelta(sequence, delta.attempt, delta.number, escaped(delta.text)) if delta.seq == seq else None


def _closed(sequence: int, body: dict[str, Any]) -> Closed:
    error = body.get("error")
    if error:
        failure = Failure.model_validate(error)
        return Closed(sequence, failure.code, failure.message, failure.family, failure.retry_after)
    ending = ENDINGS[EndedReason(body.get("endedReason") or EndedReason.ERROR)]
    return Closed(sequence, ending.code, ending.sentence)
