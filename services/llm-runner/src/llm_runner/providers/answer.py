"""An answer as it comes in, whatever the dialect: bounded, its characters whole, and no key in it."""

from dataclasses import replace

from llm_runner.providers.call_places import CallPlaces
from llm_runner.providers.provider import Chunk, ProviderFailure, TakeChunk, ToolCallDelta
from llm_runner.providers.redaction import MaskedText, Redaction
from shared.contracts.enums import FailureFamily as Family

MOST_CHARACTERS = 2_500_000
"""Of an answer's text and thoughts: more than any model writes, and below what a document holds in any script."""


class IncomingAnswer:
    """Hands on the chunks of an answer, and knows how far it is."""

    def __init__(self, provider: str, redaction: Redaction, take: TakeChunk) -> None:
        self.finished = False
        self.text_began = False
        self._provider = provider
        self._redaction = redaction
        self._take = take
        self._length = 0
        self._text = redaction.masked()
        self._reasoning = redaction.masked()
        self._places = CallPlaces()
        self._arguments: dict[int | None, MaskedText] = {}

    def take(self, chunk: Chunk) -> None:
        """Raises ProviderFailure as soon as the answer is longer than can be kept: its call is closed then."""
        came = chunk.text
        text = self._text_of(came) if came else ""
        if chunk.is_text:
            if text is came:
                self._take(chunk)
            elif text:
                self._take(Chunk(text))
            return
        pieces = tuple(self._piece(piece) for piece in chunk.tool_calls)
        self.finished = self.finished or chunk.finish_reason is not None
        reasoning = self._reasoning_of(chunk.reasoning) if chunk.reasoning else ""
        thoughts = tuple(self._once(thought) or "" for thought in chunk.thoughts)
        raw = self._once(chunk.raw_finish_reason)
        self._take(Chunk(text, chunk.finish_reason, chunk.tokens, pieces, reasoning, thoughts, raw))

    def end(self) -> None:
        """Hands on what was held back."""
        text, reasoning = self._text.end(), self._reasoning.end()
        rests = [(index, masked.end()) for index, masked in self._arguments.items()]
        pieces = tuple(ToolCallDelta(index, arguments=rest) for index, rest in rests if rest)
        if text or pieces or reasoning:
            self._take(Chunk(text, tool_calls=pieces, reasoning=reasoning))

    def _text_of(self, text: str) -> str:
        self.text_began = True
        room = MOST_CHARACTERS - self._length
        self._length += len(text)
        if room < len(text):
            self._take(Chunk(self._text.feed(text[:room])))
            raise self._too_long()
        return self._text.feed(text)

    def _reasoning_of(self, thought: str) -> str:
        self._length += len(thought)
        if self._length > MOST_CHARACTERS:
            raise self._too_long()
        return self._reasoning.feed(thought)

    def _too_long(self) -> ProviderFailure:
        message = f"{self._provider} wrote more than {MOST_CHARACTERS} characters; its answer was broken off"
        return ProviderFailure(Family.BAD_REQUEST, message)

    def _piece(self, piece: ToolCallDelta) -> ToolCallDelta:
        piece = self._places.placed(piece)
        arguments = self._arguments.setdefault(piece.index, self._redaction.masked())
        return replace(
            piece,
            id=self._once(piece.id),
            name=self._once(piece.name),
            arguments=arguments.feed(piece.arguments),
            beside=self._once(piece.beside),
        )

    def _once(self, text: str | None) -> str | None:
        """A text that comes whole."""
        if not text:
            return None
        masked = self._redaction.masked()
        return masked.feed(text) + masked.end()
