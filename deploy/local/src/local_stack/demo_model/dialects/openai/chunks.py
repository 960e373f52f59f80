"""The bytes of an answer: SSE chunks, or one JSON document."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import orjson

from local_stack.demo_model.ledger import Call
from local_stack.demo_model.pieces import CallPiece, Pieces, calls_of, text_of

_DONE: Final = b"data: [DONE]\n\n"


@lru_cache(maxsize=65_536)
def _quoted(text: str) -> bytes:
    return orjson.dumps(text)


def usage(call: Call) -> dict[str, int]:
    """Usage in words, so far."""
    return {
        "prompt_tokens": call.prompt_tokens,
        "completion_tokens": call.completion_tokens,
        "total_tokens": call.prompt_tokens + call.completion_tokens,
    }


class ChunkWriter:
    """Writes one answer; what all chunks of it share is encoded once."""

    stream_type = b"text/event-stream; charset=utf-8"
    malformed = b'data: {"id":"chatcmpl-demo","object":"chat.completion.chunk","choices":[{"delta":{"cont\n\n'

    def __init__(self, call: Call, with_usage: bool) -> None:
        self._call = call
        self._shared = {"id": call.id, "created": int(call.started_at), "model": call.model}
        self._head = b"data: " + orjson.dumps({"object": "chat.completion.chunk", **self._shared})[:-1]
        self._content = self._head + b',"choices":[{"index":0,"delta":{"content":'
        self._with_usage = with_usage
        self._tail = b'},"finish_reason":null}]' + (b',"usage":null' if with_usage else b"") + b"}\n\n"

    def begin(self) -> bytes:
        """The first chunk: who speaks."""
        return self._head + b',"choices":[{"index":0,"delta":{"role":"assistant","content":""' + self._tail

    def pieces(self, pieces: Pieces) -> bytes:
        """The words in one chunk, or each piece of a tool call in its own."""
        if words := text_of(pieces):
            return self._content + _quoted(words) + self._tail
        return b"".join(self._piece(piece) for piece in pieces if isinstance(piece, CallPiece))

    def _piece(self, piece: CallPiece) -> bytes:
        delta = orjson.dumps([_delta(piece)])
        return self._head + b',"choices":[{"index":0,"delta":{"tool_calls":' + delta + self._tail

    def end(self, finish_reason: str) -> bytes:
        """The finish reason, the usage if it was asked for, and `[DONE]`."""
        finish = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]}
        parts = [self._with(finish | ({"usage": None} if self._with_usage else {}))]
        if self._with_usage:
            parts.append(self._with({"choices": [], "usage": usage(self._call)}))
        return b"".join([*parts, _DONE])

    def _with(self, fields: dict[str, Any]) -> bytes:
        return self._head + b"," + orjson.dumps(fields)[1:] + b"\n\n"

    def whole(self, pieces: Pieces, finish_reason: str) -> bytes:
        """The answer as one document."""
        calls = whole_calls(pieces)
        message: dict[str, Any] = {"role": "assistant", "content": None if calls else text_of(pieces), "refusal": None}
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
        document = {"object": "chat.completion", **self._shared, "choices": [choice], "usage": usage(self._call)}
        return orjson.dumps(document)


def whole_calls(pieces: Pieces) -> Sequence[dict[str, Any]]:
    """The tool calls put together, as OpenAI writes them."""
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in calls_of(pieces)
    ]


def _delta(piece: CallPiece) -> dict[str, Any]:
    if piece.id is None:
        return {"index": piece.index, "function": {"arguments": piece.arguments}}
    function = {"name": piece.name, "arguments": piece.arguments}
    return {"index": piece.index, "id": piece.id, "type": "function", "function": function}
