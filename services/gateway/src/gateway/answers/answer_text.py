"""Which text is told of an answer. Pure: the same events tell the same text, on every replica.

What is told is always the beginning of one attempt's text. A delta that is missing is not told around: what follows it
waits for the `message`, which holds the whole text. An attempt that came to nothing is taken back only when there is
other text to tell.
"""

from typing import NamedTuple

from gateway.answers.answer_events import Answered, Closed, Discarded, Opened, Piece, Text, escaped, unescaped

ERROR, STOPPED = "error", "stopped"


class Told(NamedTuple):
    """What a piece adds: `anew` says that all text told before counts for nothing, `text` is JSON-escaped."""

    anew: bool = False
    text: bytes = b""


NOTHING = Told()


class Telling:
    """Follows one answer. `text` is what was told and counts."""

    def __init__(self) -> None:
        self._attempt: str | None = None
        self._opened: set[str] = set()
        self._next = 0
        self._told: list[bytes] = []
        self._told_attempt: str | None = None

    @property
    def text(self) -> str:
        """What was told and counts."""
        return unescaped(b"".join(self._told))

    def hear(self, piece: Piece) -> Told:
        """What the piece adds to what was told."""
        match piece:
            case Text():
                return self._heard(piece)
            case Opened():
                self._open(piece.attempt)
            case Discarded():
                if piece.attempt == self._attempt:
                    self._attempt = None
            case Answered():
                return self._healed(piece)
            case Closed():
                pass
        return NOTHING

    def _open(self, attempt: str) -> None:
        if attempt != self._attempt:
            self._attempt, self._next = attempt, 0
            self._opened.add(attempt)

    def _heard(self, piece: Text) -> Told:
        if piece.attempt != self._attempt and piece.attempt not in self._opened and piece.number == 0:
            self._open(piece.attempt)
        if piece.attempt != self._attempt or piece.number != self._next:
            return NOTHING
        self._next += 1
        anew = bool(self._told) and self._told_attempt != piece.attempt
        return self._tell(anew, piece.attempt, piece.escaped)

    def _healed(self, piece: Answered) -> Told:
        told, content = self.text, piece.content
        if piece.finish_reason == ERROR:
            return NOTHING
        if content.startswith(told):
            return self._tell(False, self._told_attempt, escaped(content[len(told) :]))
        return self._tell(True, piece.message.get("attempt"), escaped(content))

    def _tell(self, anew: bool, attempt: str | None, text: bytes) -> Told:
        if anew:
            self._told.clear()
        self._told_attempt = attempt
        if text:
            self._told.append(text)
        return Told(anew, text)
