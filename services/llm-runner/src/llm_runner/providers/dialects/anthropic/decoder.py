"""A message of Anthropic's as it comes: events of many types, or the whole of it as one JSON object.

What an event is, is said by the `type` of its data; its name is not looked at, for it may be missing or another.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from llm_runner.providers.dialects.anthropic.blocks import Block
from llm_runner.providers.dialects.anthropic.errors import error_event
from llm_runner.providers.dialects.frames import AnswerFrames
from llm_runner.providers.provider import Chunk, Malformed, ProviderFailure, TokenCount
from llm_runner.providers.received import count, finished, parsed
from shared.contracts.enums import FailureFamily as Family

PAUSED = "pause_turn"
"""It waits for a tool of the provider's own, and none of those is ever asked for."""


class MessageDecoder:
    """Decodes one answer of `provider`."""

    def __init__(self, provider: str) -> None:
        self.ended = False
        self._provider = provider
        self._frames = AnswerFrames(provider)
        self._failure: ProviderFailure | None = None
        self._blocks: dict[int, Block] = {}
        self._counts: dict[str, int] = {}

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks that `piece` completes. Raises Malformed."""
        return self._chunks(self._frames.feed(piece))

    def end(self) -> list[Chunk]:
        """The chunks of an event that lacks its last empty line. Raises ProviderFailure, Malformed."""
        chunks = [] if self.ended else self._chunks(self._frames.end())
        if self._failure is not None:
            raise self._failure
        return chunks

    def _chunks(self, events: Iterable[bytes]) -> list[Chunk]:
        chunks: list[Chunk] = []
        try:
            for data in events:
                if self.ended:
                    break
                if data.strip():
                    chunks += self._read(data)
        except ProviderFailure as failure:
            # What came before it counts.
            self._failure, self.ended = failure, True
        return chunks

    def _read(self, data: bytes) -> list[Chunk]:
        """What an event says. Raises ProviderFailure for what is not of Anthropic's shape."""
        try:
            return [chunk for chunk in self._said(parsed(data)) if chunk is not None]
        except (Malformed, AttributeError, KeyError, TypeError) as malformed:
            message = f"{self._provider} sent an event that is not of Anthropic's shape; it is tried again"
            raise ProviderFailure(Family.PROTOCOL, message) from malformed

    def _said(self, event: dict[str, Any]) -> Iterator[Chunk | None]:
        kind = event.get("type")
        if kind == "content_block_delta":
            block = self._blocks.get(event["index"])
            yield block.piece(event["delta"]) if block else None
        elif kind == "content_block_start":
            block = self._blocks[event["index"]] = Block(event["index"], event["content_block"])
            yield block.begin()
        elif kind == "content_block_stop":
            block = self._blocks.pop(event["index"], None)
            yield block.stop() if block else None
        elif kind == "message_start":
            yield self._counted(event["message"].get("usage"), began=True)
        elif kind == "message_delta":
            yield self._counted(event.get("usage"))
            yield self._ended((event.get("delta") or {}).get("stop_reason"))
        elif kind == "message":
            yield from self._whole(event)
        elif kind == "error" or event.get("error"):
            raise error_event(event.get("error"), self._provider)
        self.ended = self.ended or kind in ("message_stop", "message")

    def _whole(self, message: dict[str, Any]) -> Iterator[Chunk | None]:
        """A message that was not streamed."""
        for index, content in enumerate(message["content"] or ()):
            block = Block(index, content)
            yield block.begin()
            yield block.stop()
        yield self._counted(message.get("usage"))
        yield self._ended(message.get("stop_reason"))

    def _ended(self, reason: object) -> Chunk | None:
        if reason == PAUSED:
            raise ProviderFailure(Family.PROTOCOL, f"{self._provider} paused its answer for a tool of its own")
        ended = finished(reason)
        return Chunk(finish_reason=ended[0], raw_finish_reason=ended[1]) if ended else None

    def _counted(self, usage: object, *, began: bool = False) -> Chunk | None:
        """The counts so far: each is the whole, said once or again and again, and some say 0 before they know.

        What stands at the beginning as written is no count of the answer.
        """
        said = usage if isinstance(usage, dict) else {}
        for name, value in said.items():
            if (number := count(value)) is not None and not (began and name == "output_tokens"):
                self._counts[name] = max(number, self._counts.get(name, 0))
        if not self._counts:
            return None
        counts = self._counts.get
        cached, written = counts("cache_read_input_tokens", 0), counts("cache_creation_input_tokens", 0)
        prompt = counts("input_tokens", 0) + cached + written
        return Chunk(tokens=TokenCount(prompt or None, counts("output_tokens"), cached or None, written or None))
