"""The bytes of a message: server-sent events of many types, or one JSON document."""

from typing import Any, Final

import orjson

from local_stack.demo_model.ledger import Call
from local_stack.demo_model.pieces import CallPiece, Pieces, calls_of, text_of

STOP_REASONS: Final = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'


class EventWriter:
    """Writes one answer: each text and each tool call is a block of its own, opened and closed."""

    stream_type = b"text/event-stream; charset=utf-8"
    malformed = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"tex\n\n'

    def __init__(self, call: Call) -> None:
        self._call = call
        self._block = -1
        self._is_open = False

    def begin(self) -> bytes:
        """The message without its content, and a ping."""
        usage = {"input_tokens": self._call.prompt_tokens, "output_tokens": 1}
        return _event("message_start", {"message": self._message([], None, usage)}) + _PING

    def pieces(self, pieces: Pieces) -> bytes:
        """The words as one delta, or each piece of a tool call as its own; blocks are opened as they begin."""
        if text := text_of(pieces):
            opened = b"" if self._is_open else self._open({"type": "text", "text": ""})
            return opened + self._delta({"type": "text_delta", "text": text})
        return b"".join(self._piece(piece) for piece in pieces if isinstance(piece, CallPiece))

    def end(self, finish_reason: str) -> bytes:
        """The block's end, why the message ended, and its usage."""
        delta = {"stop_reason": STOP_REASONS[finish_reason], "stop_sequence": None}
        usage = {"output_tokens": self._call.completion_tokens}
        ended = _event("message_delta", {"delta": delta, "usage": usage})
        return self._close() + ended + _event("message_stop", {})

    def whole(self, pieces: Pieces, finish_reason: str) -> bytes:
        """The answer as one document. A call whose arguments were cut is left out."""
        text = text_of(pieces)
        content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
        content += [
            {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}
            for call in calls_of(pieces)
            if (arguments := call.given()) is not None
        ]
        usage = {"input_tokens": self._call.prompt_tokens, "output_tokens": self._call.completion_tokens}
        return orjson.dumps(self._message(content, STOP_REASONS[finish_reason], usage))

    def _message(self, content: list[dict[str, Any]], reason: str | None, usage: dict[str, int]) -> dict[str, Any]:
        said = {"id": self._call.id, "type": "message", "role": "assistant", "model": self._call.model}
        return said | {"content": content, "stop_reason": reason, "stop_sequence": None, "usage": usage}

    def _piece(self, piece: CallPiece) -> bytes:
        if piece.id is not None:
            return self._open({"type": "tool_use", "id": piece.id, "name": piece.name, "input": {}})
        return self._delta({"type": "input_json_delta", "partial_json": piece.arguments})

    def _open(self, block: dict[str, Any]) -> bytes:
        closed = self._close()
        self._block, self._is_open = self._block + 1, True
        return closed + _event("content_block_start", {"index": self._block, "content_block": block})

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _event("content_block_delta", {"index": self._block, "delta": delta})

    def _close(self) -> bytes:
        if not self._is_open:
            return b""
        self._is_open = False
        return _event("content_block_stop", {"index": self._block})


def _event(kind: str, fields: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))
