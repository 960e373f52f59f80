"""Which text of an answer is sent. Pure: the same events make the same text, on every replica.

What is sent is always the beginning of one attempt's text. A delta that is missing is not passed over: what follows it
waits for the `message`, which holds the whole text. An attempt that came to nothing is taken back only when there is
other text to send.
"""

from typing import NamedTuple

from gateway.answers.answer_events import (
    Answered,
    AnswerEvent,
    Closed,
    Discarded,
    Opened,
    TextDelta,
    escaped,
    unescaped,
)

ERROR, STOPPED = "error", "stopped"


class TextUpdate(NamedTuple):
    """What an event adds: `anew` says that all text sent before counts for nothing, `text` is JSON-escaped."""

    anew: bool = False
    text: bytes = b""


NOTHING = TextUpdate()


class AnswerText:
    """Follows one answer. `text` is what was sent and counts."""

    def __init__(self) -> None:
        self._attempt: str | None = None
        self._opened: set[str] = set()
        self._next = 0
        self._parts: list[bytes] = []
        self._text_attempt: str | None = None

    @property
    def text(self) -> str:
        """What was sent and counts."""
        return unescaped(b"".join(self._parts))

    def apply(self, event: AnswerEvent) -> TextUpdate:
        """What the event adds to what was sent."""
        match event:
            case TextDelta():
                return self._delta(event)
            case Opened():
                self._open(event.attempt)
            case Discarded():
                if event.attempt == self._attempt:
                    self._attempt = None
            case Answered():
                return self._whole(event)
            case Closed():
                pass
        return NOTHING

    def _open(self, attempt: str) -> None:
        if attempt != self._attempt:
            self._attempt, self._next = attempt, 0
            self._opened.add(attempt)

    def _delta(self, event: TextDelta) -> TextUpdate:
        if event.attempt != self._attempt and event.attempt not in self._opened and event.number == 0:
            self._open(event.attempt)
        if event.attempt != self._attempt or event.number != self._next:
            return NOTHING
        self._next += 1
        anew = bool(self._parts) and self._text_attempt != event.attempt
        return self._update(anew, event.attempt, event.escaped)

    def _whole(self, event: Answered) -> TextUpdate:
        standing, content = self.text, event.content
        if event.finish_reason == ERROR:
            return NOTHING
        if content.startswith(standing):
            return self._update(False, self._text_attempt, escaped(content[len(standing) :]))
        return self._update(True, event.message.get("attempt"), escaped(content))

    def _update(self, anew: bool, attempt: str | None, text: bytes) -> TextUpdate:
        if anew:
            self._parts.clear()
        self._text_attempt = attempt
        if text:
            self._parts.append(text)
        return TextUpdate(anew, text)
