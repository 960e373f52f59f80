"""Formats that can add text and never take it back; and the plainest of them, of /api/llm."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Final

from gateway.answers.answer_events import Answered, AnswerEvent, Closed, unescaped
from gateway.answers.answer_text import ERROR, AnswerText
from gateway.answers.failures import failure_of
from gateway.answers.formats import compact
from gateway.event_stream.log.frames import unnamed
from shared.contracts.transcript import Failure

BROKE_OFF: Final = Failure(
    code="provider_error", message="The model broke off, and what it had said does not count any more: try again."
)
LOST: Final = Failure(code="unavailable", message="The answer cannot be followed any more: try again.")
_WRITTEN: Final = re.compile(r"(.+)-([0-9]{1,10})")


class PlainFormat(ABC):
    """Writes one answer. `length` is how many characters of it are out.

    `had` is how many of them the client has already. `mends` says that the end brings the whole text: then text that
    does not count any more is no harm. `abandoned` says that the end was written before the answer came to its own.
    """

    mends = False
    broken = False

    def __init__(self, had: int = 0) -> None:
        self.ended = False
        self.abandoned = False
        self.length = 0
        self._had = had
        self._answer_text = AnswerText()
        self._diverged = False

    def begin(self, sequence: int) -> bytes:
        return b""

    def write(self, event: AnswerEvent) -> bytes:
        """What the event becomes; nothing follows the end."""
        return b"" if self.ended else b"".join(self._frames(event))

    def lose(self) -> bytes:
        """The end of an answer that cannot be followed any more."""
        return b"" if self.ended else self._abandon(LOST)

    @abstractmethod
    def text(self, text: str) -> bytes:
        """What a part of the text is written as."""

    @abstractmethod
    def done(self, answered: Answered) -> bytes:
        """What the end of an answer is written as."""

    @abstractmethod
    def failed(self, failure: Failure) -> bytes:
        """What a failure is written as."""

    def _frames(self, event: AnswerEvent) -> Iterator[bytes]:
        update = self._answer_text.apply(event)
        self._diverged = self._diverged or update.anew
        if self._diverged and not self.mends:
            yield self._abandon(BROKE_OFF)
            return
        if update.text and not self._diverged:
            yield self._add(unescaped(update.text))
        if isinstance(event, Closed):
            yield self._fail(failure_of(event))
        elif isinstance(event, Answered):
            yield self._end(event)

    def _add(self, text: str) -> bytes:
        missed = text[max(0, self._had - self.length) :]
        self.length += len(text)
        return self.text(missed) if missed else b""

    def _end(self, answered: Answered) -> bytes:
        if answered.finish_reason == ERROR:
            return self._fail(failure_of(answered))
        self.ended = True
        return self.done(answered)

    def _abandon(self, failure: Failure) -> bytes:
        self.abandoned = True
        return self._fail(failure)

    def _fail(self, failure: Failure) -> bytes:
        self.ended = True
        return self.failed(failure)


class ResumableFormat(PlainFormat):
    """A format whose events have ids: `<sid>-<n>`, opaque to clients.

    n is twice the characters that are out, for these are the same on every replica however the text was cut; an odd n
    says that the end is out, too.
    """

    def __init__(self, sid: str, had: int = 0) -> None:
        super().__init__(had)
        self._sid = sid

    @property
    def identity(self) -> str:
        """The id of what is written now."""
        return f"{self._sid}-{2 * self.length + self.ended}"


def cut_short(answered: Answered) -> dict[str, object]:
    """Why the answer ends where it does, where that is not its own end: `length`, `stopped` ..."""
    reason = answered.finish_reason
    return {} if reason in (None, "stop") else {"finishReason": reason}


def read_id(written: str | None) -> tuple[str, int, bool] | None:
    """The sid in a last id, how many characters its client has, and whether it has the end; None where it is none."""
    found = _WRITTEN.fullmatch(written or "")
    return (found[1], int(found[2]) // 2, int(found[2]) % 2 == 1) if found else None


class TokenMessages(ResumableFormat):
    """`data: {"token"}` ... `data: {"done":true}`, for `onmessage`; a failure is `data: {"error","message"}`.

    `announced` is for a reader whose URL does not name the answer: one that is cut off before the first token has an
    id to come again with, too, that of a token without text. An id alone is an empty event to some clients.
    """

    def __init__(self, sid: str, had: int = 0, *, announced: bool = False) -> None:
        super().__init__(sid, had)
        self._announced = announced

    def begin(self, sequence: int) -> bytes:
        return self.text("") if self._announced else b""

    def text(self, text: str) -> bytes:
        return self._message({"token": text})

    def done(self, answered: Answered) -> bytes:
        return self._message({"done": True, **cut_short(answered)})

    def failed(self, failure: Failure) -> bytes:
        return self._message({"error": failure.code, "message": failure.message})

    def _message(self, value: dict[str, object]) -> bytes:
        return unnamed(compact(value), self.identity)
