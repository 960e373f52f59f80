"""The formats for readers without an SDK: plain text, and server-sent events of content. Pure."""

from typing import Final

from gateway.answers.answer_events import Answered, AnswerEvent, Closed, escaped, unescaped
from gateway.answers.answer_text import ERROR, AnswerText
from gateway.answers.formats import INTERRUPTED, compact, failure
from gateway.answers.positions import END, ChunkEncoder

TEXT_HEADERS: Final = {"Content-Type": "text/plain; charset=utf-8"}
RESTART, CONTENT, FAILURE, DONE = 0, 1, END + 2, END + 3


class PlainText:
    """The text and nothing else: an answer that fails breaks the connection, for no text could say so."""

    def __init__(self) -> None:
        self._answer_text = AnswerText()
        self.ended = False
        self.broken = False

    def begin(self, sequence: int) -> bytes:
        return b""

    def write(self, event: AnswerEvent) -> bytes:
        update = self._answer_text.apply(event)
        failed = isinstance(event, Closed) or (isinstance(event, Answered) and event.finish_reason == ERROR)
        self.broken = update.anew or failed
        self.ended = self.broken or isinstance(event, Answered)
        return b"" if self.broken else unescaped(update.text).encode()


class ContentEvents:
    """`data: {"content"}` ... `data: [DONE]`, with ids; a failure is `data: {"error","message"}`, then the end.

    `known` is text the client has already: only what follows it is sent. An answer that does not begin with it is
    sent whole, after `data: {"restart":true}`.
    """

    broken = False

    def __init__(self, encoder: ChunkEncoder, known: str = "") -> None:
        self._encoder = encoder
        self._known = known
        self._answer_text = AnswerText()
        self.ended = False

    def begin(self, sequence: int) -> bytes:
        return b""

    def write(self, event: AnswerEvent) -> bytes:
        update = self._answer_text.apply(event)
        if update.anew and not self._known:
            return self._failed(event.sequence, *INTERRUPTED)
        text = self._unknown(event, update.text) if self._known else self._content(event.sequence, update.text)
        if isinstance(event, Closed):
            return text + self._failed(event.sequence, event.code, event.sentence)
        if not isinstance(event, Answered):
            return text
        if event.finish_reason == ERROR:
            return text + self._failed(event.sequence, *failure(event))
        self.ended = True
        return text + self._encoder.encode(event.sequence, DONE, b"[DONE]")

    def _unknown(self, event: AnswerEvent, text: bytes) -> bytes:
        """Nothing while all that was told is known; then what follows it, or everything anew."""
        text_so_far, over = self._answer_text.text, isinstance(event, Answered | Closed)
        if text_so_far.startswith(self._known):
            text = escaped(text_so_far[len(self._known) :])
            self._known = ""
            return self._content(event.sequence, text)
        if self._known.startswith(text_so_far) and not (over and text_so_far != self._known):
            return b""
        self._known = ""
        restart = self._encoder.encode(event.sequence, RESTART, compact({"restart": True}))
        return restart + self._content(event.sequence, escaped(text_so_far))

    def _content(self, sequence: int, text: bytes) -> bytes:
        return self._encoder.encode(sequence, CONTENT, b'{"content":"%s"}' % text) if text else b""

    def _failed(self, sequence: int, code: str, sentence: str) -> bytes:
        self.ended = True
        return self._encoder.encode(sequence, FAILURE, compact({"error": code, "message": sentence}))
