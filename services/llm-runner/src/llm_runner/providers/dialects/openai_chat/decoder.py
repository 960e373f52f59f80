"""A streamed answer of OpenAI's chat completions, as many providers write it more or less."""

from typing import Any

from llm_runner.providers.dialects.openai_chat.errors import error_frame
from llm_runner.providers.dialects.sse import SseDecoder
from llm_runner.providers.provider import Chunk, Malformed, ProviderFailure, TokenCount, ToolCallDelta
from llm_runner.providers.received import finished, parsed, token_count, tool_call
from shared.contracts.enums import FailureFamily as Family

END = b"[DONE]"


class ChatDecoder:
    """Decodes one answer of `provider`: each event holds a chunk as JSON, and `[DONE]` ends it."""

    def __init__(self, provider: str) -> None:
        self.ended = False
        self._provider = provider
        self._sse = SseDecoder()
        self._failure: ProviderFailure | None = None

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks that `piece` completes, in their order; texts that follow each other are one. Raises Malformed."""
        return self._chunks(self._sse.feed(piece))

    def end(self) -> list[Chunk]:
        """The chunk whose event lacks its last empty line. Raises ProviderFailure, Malformed."""
        chunks = [] if self.ended else self._chunks(self._sse.end())
        if self._failure is not None:
            raise self._failure
        return chunks

    def _chunks(self, events: list[bytes]) -> list[Chunk]:
        chunks: list[Chunk] = []
        texts: list[str] = []
        try:
            for data in events:
                if data == END:
                    self.ended = True
                    break
                read = _read(data, self._provider)
                if isinstance(read, str):
                    texts.append(read)
                    continue
                if texts:
                    chunks.append(Chunk("".join(texts)))
                    texts = []
                chunks.append(read)
        except ProviderFailure as failure:
            # What came before it counts.
            self._failure, self.ended = failure, True
        if texts:
            chunks.append(Chunk("".join(texts)))
        return chunks


def _read(data: bytes, provider: str) -> Chunk | str:
    """What an event holds: a text, or anything else. Raises ProviderFailure for what is not of OpenAI's shape."""
    try:
        frame = parsed(data)
        error = frame.get("error")
        if error:
            raise error_frame(error, provider)
        choices = frame.get("choices")
        usage = frame.get("usage")
        tokens = _tokens(usage) if usage else None
        if not choices:
            return Chunk(tokens=tokens)
        choice = choices[0]
        delta = choice.get("delta") or {}
        text = delta.get("content") or delta.get("refusal") or ""
        if not isinstance(text, str):
            raise Malformed("the text of a delta")
        ended, pieces = choice.get("finish_reason"), delta.get("tool_calls")
        if not (ended or tokens or pieces):
            return text
        reason, raw = finished(ended) or (None, None)
        return Chunk(text, reason, tokens, _tool_calls(pieces) if pieces else (), raw_finish_reason=raw)
    except (Malformed, AttributeError, KeyError, IndexError, TypeError) as malformed:
        raise ProviderFailure(
            Family.PROTOCOL, f"{provider} sent a chunk that is not of OpenAI's shape; it is tried again"
        ) from malformed


def _tokens(usage: Any) -> TokenCount | None:
    counted = usage if isinstance(usage, dict) else {}
    return token_count(counted.get("prompt_tokens"), counted.get("completion_tokens"))


def _tool_calls(pieces: list[Any]) -> tuple[ToolCallDelta, ...]:
    return tuple(_tool_call(place, piece) for place, piece in enumerate(pieces))


def _tool_call(place: int, piece: dict[str, Any]) -> ToolCallDelta:
    function = piece.get("function") or {}
    return tool_call(place, piece.get("index"), piece.get("id"), function.get("name"), function.get("arguments"))
