"""The bytes of an answer: SSE chunks, or one JSON document."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

MALFORMED: Final = b'data: {"id":"chatcmpl-demo","object":"chat.completion.chunk","choices":[{"delta":{"cont\n\n'
_DONE: Final = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class CallPiece:
    """A piece of the tool call with this index; its first piece says id and name, and holds no arguments."""

    index: int
    arguments: str = ""
    id: str | None = None
    name: str | None = None

    def as_delta(self) -> dict[str, Any]:
        """The piece as a stream shows it."""
        if self.id is None:
            return {"index": self.index, "function": {"arguments": self.arguments}}
        function = {"name": self.name, "arguments": self.arguments}
        return {"index": self.index, "id": self.id, "type": "function", "function": function}


@lru_cache(maxsize=65_536)
def _quoted(text: str) -> bytes:
    return orjson.dumps(text)


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    """Usage in words."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


class ChunkWriter:
    """Writes the chunks of one stream; what all of them share is encoded once."""

    def __init__(self, call_id: str, created: int, model: str, with_usage: bool) -> None:
        head = {"id": call_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = b"data: " + orjson.dumps(head)[:-1]
        self._content = self._head + b',"choices":[{"index":0,"delta":{"content":'
        self._with_usage = with_usage
        self._tail = b'},"finish_reason":null}]' + (b',"usage":null' if with_usage else b"") + b"}\n\n"

    def role(self) -> bytes:
        """The first chunk: who speaks."""
        return self._head + b',"choices":[{"index":0,"delta":{"role":"assistant","content":""' + self._tail

    def pieces(self, pieces: Sequence[str] | Sequence[CallPiece]) -> bytes:
        """The words in one chunk, or each piece of a tool call in its own."""
        words = [piece for piece in pieces if isinstance(piece, str)]
        if words:
            return self._content + _quoted("".join(words)) + self._tail
        return b"".join(self._call(piece) for piece in pieces if isinstance(piece, CallPiece))

    def _call(self, piece: CallPiece) -> bytes:
        delta = orjson.dumps([piece.as_delta()])
        return self._head + b',"choices":[{"index":0,"delta":{"tool_calls":' + delta + self._tail

    def end(self, finish_reason: str, counts: dict[str, int]) -> bytes:
        """The finish reason, the usage if it was asked for, and `[DONE]`."""
        finish = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]}
        parts = [self._with(finish | ({"usage": None} if self._with_usage else {}))]
        if self._with_usage:
            parts.append(self._with({"choices": [], "usage": counts}))
        return b"".join([*parts, _DONE])

    def _with(self, fields: dict[str, Any]) -> bytes:
        return self._head + b"," + orjson.dumps(fields)[1:] + b"\n\n"


def completion(
    call_id: str,
    created: int,
    model: str,
    pieces: Sequence[str] | Sequence[CallPiece],
    finish_reason: str,
    counts: dict[str, int],
) -> bytes:
    """The answer as one document."""
    calls = _whole_calls([piece for piece in pieces if isinstance(piece, CallPiece)])
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    message: dict[str, Any] = {"role": "assistant", "content": None if calls else text, "refusal": None}
    if calls:
        message["tool_calls"] = calls
    document = {
        "id": call_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}],
        "usage": counts,
    }
    return orjson.dumps(document)


def _whole_calls(pieces: Sequence[CallPiece]) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    for piece in pieces:
        if piece.id is not None:
            calls.append({"id": piece.id, "type": "function", "function": {"name": piece.name, "arguments": ""}})
        calls[-1]["function"]["arguments"] += piece.arguments
    return calls
