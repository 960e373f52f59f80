"""The bytes of an answer: each chunk says who speaks and counts so far; a tool call comes whole, without an index."""

from typing import Any, Final

import orjson

from local_stack.demo_model.dialects.gemini.signatures import signed
from local_stack.demo_model.dialects.openai.chunks import usage, whole_calls
from local_stack.demo_model.ledger import Call
from local_stack.demo_model.pieces import CallPiece, Pieces, text_of

FINISH_REASONS: Final = {"stop": "stop", "length": "length", "tool_calls": "stop"}
"""That tools are called is not told here."""


class SignedChunkWriter:
    """Writes one answer. Tool calls leave whole, with its end."""

    stream_type = b"text/event-stream"
    malformed = b'data: {"choices":[{"delta":{"cont\n\n'

    def __init__(self, call: Call) -> None:
        self._call = call
        self._shared = {"id": call.id, "created": int(call.started_at), "model": call.model}
        self._held: list[CallPiece] = []

    def begin(self) -> bytes:
        """Nothing stands before the first words."""
        return b""

    def pieces(self, pieces: Pieces) -> bytes:
        """The words in one chunk; the pieces of a tool call are held back."""
        if words := text_of(pieces):
            return self._chunk({"delta": {"role": "assistant", "content": words}})
        self._held += [piece for piece in pieces if isinstance(piece, CallPiece)]
        return b""

    def end(self, finish_reason: str) -> bytes:
        """The tool calls, a chunk each, the finish reason, and `[DONE]`."""
        calls = [self._chunk({"delta": {"role": "assistant", "tool_calls": [call]}}) for call in _calls(self._held)]
        finish = {"delta": {"role": "assistant"}, "finish_reason": FINISH_REASONS[finish_reason]}
        return b"".join([*calls, self._chunk(finish), b"data: [DONE]\n\n"])

    def whole(self, pieces: Pieces, finish_reason: str) -> bytes:
        """The answer as one document; without a text there is no `content`."""
        text, calls = text_of(pieces), _calls(pieces)
        said = ({"content": text} if text else {}) | ({"tool_calls": calls} if calls else {})
        choice = {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": FINISH_REASONS[finish_reason]}
        return orjson.dumps(self._document("chat.completion", choice))

    def _chunk(self, choice: dict[str, Any]) -> bytes:
        return b"data: %s\n\n" % orjson.dumps(self._document("chat.completion.chunk", {"index": 0, **choice}))

    def _document(self, kind: str, choice: dict[str, Any]) -> dict[str, Any]:
        return {"object": kind, **self._shared, "choices": [choice], "usage": usage(self._call)}


def _calls(pieces: Pieces) -> list[dict[str, Any]]:
    """The calls; the first one's signature stands for all of them."""
    calls = whole_calls(pieces)
    return [call | ({"extra_content": signed(call)} if call is calls[0] else {}) for call in calls]
