"""The formats for readers without an SDK: plain text, and server-sent events of content. Pure."""

from typing import Final

from gateway.answers.answer_events import Answered, Closed, Piece, escaped, unescaped
from gateway.answers.answer_text import ERROR, Telling
from gateway.answers.formats import INTERRUPTED, compact, failure
from gateway.answers.positions import END, Frames

TEXT_HEADERS: Final = {"Content-Type": "text/plain; charset=utf-8"}
RESTART, CONTENT, FAILURE, DONE = 0, 1, END + 2, END + 3


class PlainText:
    """The text and nothing else: an answer that fails breaks the connection, for no text could say so."""

    def __init__(self) -> None:
        self._telling = Telling()
        self.ended = False
        self.broken = False

    def begin(self, sequence: int) -> bytes:
        return b""

    def write(self, piece: Piece) -> bytes:
        told = self._telling.hear(piece)
        failed = isinstance(piece, Closed) or (isinstance(piece, Answered) and piece.finish_reason == ERROR)
        self.broken = told.anew or failed
        self.ended = self.broken or isinstance(piece, Answered)
        return b"" if self.broken else unescaped(told.text).encode()


class ContentEvents:
    """`data: {"content"}` ... `data: [DONE]`, with ids; a failure is `data: {"error","message"}`, then the end.

    `known` is text the client has already: only what follows it is sent. An answer that does not begin with it is
    sent whole, after `data: {"restart":true}`.
    """

    broken = False

    def __init__(self, frames: Frames, known: str = "") -> None:
        self._frames = frames
        self._known = known
        self._telling = Telling()
        self.ended = False

    def begin(self, sequence: int) -> bytes:
        return b""

    def write(self, piece: Piece) -> bytes:
        told = self._telling.hear(piece)
        if told.anew and not self._known:
            return self._failed(piece.sequence, *INTERRUPTED)
        text = self._unknown(piece, told.text) if self._known else self._content(piece.sequence, told.text)
        if isinstance(piece, Closed):
            return text + self._failed(piece.sequence, piece.code, piece.sentence)
        if not isinstance(piece, Answered):
            return text
        if piece.finish_reason == ERROR:
            return text + self._failed(piece.sequence, *failure(piece))
        self.ended = True
        return text + self._frames.frame(piece.sequence, DONE, b"[DONE]")

    def _unknown(self, piece: Piece, text: bytes) -> bytes:
        """Nothing while all that was told is known; then what follows it, or everything anew."""
        told, over = self._telling.text, isinstance(piece, Answered | Closed)
        if told.startswith(self._known):
            text = escaped(told[len(self._known) :])
            self._known = ""
            return self._content(piece.sequence, text)
        if self._known.startswith(told) and not (over and told != self._known):
            return b""
        self._known = ""
        restart = self._frames.frame(piece.sequence, RESTART, compact({"restart": True}))
        return restart + self._content(piece.sequence, escaped(told))

    def _content(self, sequence: int, text: bytes) -> bytes:
        return self._frames.frame(sequence, CONTENT, b'{"content":"%s"}' % text) if text else b""

    def _failed(self, sequence: int, code: str, sentence: str) -> bytes:
        self.ended = True
        return self._frames.frame(sequence, FAILURE, compact({"error": code, "message": sentence}))
