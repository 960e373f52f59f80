"""The bytes of an answer: a JSON object a line, the last of which says `done`."""

from datetime import UTC, datetime
from typing import Any, Final

import orjson

from local_stack.demo_model.ledger import Call
from local_stack.demo_model.pieces import CallPiece, Pieces, WholeCall, calls_of, text_of

DONE_REASONS: Final = {"stop": "stop", "length": "length", "tool_calls": "stop"}


class LineWriter:
    """Writes one answer. Tool calls leave whole, at its end."""

    stream_type = b"application/x-ndjson"
    malformed = b'{"model":"demo","message":{"role":"assist\n'

    def __init__(self, call: Call) -> None:
        self._call = call
        created = datetime.fromtimestamp(call.started_at, UTC).isoformat()
        self._shared = {"model": call.model, "created_at": created}
        self._held: list[CallPiece] = []

    def begin(self) -> bytes:
        """Nothing stands before the first word."""
        return b""

    def pieces(self, pieces: Pieces) -> bytes:
        """The words in one line; the pieces of a tool call are held back."""
        if words := text_of(pieces):
            return self._line({"message": {"role": "assistant", "content": words}, "done": False})
        self._held += [piece for piece in pieces if isinstance(piece, CallPiece)]
        return b""

    def end(self, finish_reason: str) -> bytes:
        """The tool calls, a line each, and the line that says why the answer ended, with its counts."""
        calls = [self._line({"message": _message("", [call]), "done": False}) for call in calls_of(self._held)]
        return b"".join([*calls, self._line({"message": _message("", []), **self._ended(finish_reason)})])

    def whole(self, pieces: Pieces, finish_reason: str) -> bytes:
        """The answer as one document."""
        message = _message(text_of(pieces), calls_of(pieces))
        return self._line({"message": message, **self._ended(finish_reason)})

    def _ended(self, finish_reason: str) -> dict[str, Any]:
        counts = {"prompt_eval_count": self._call.prompt_tokens, "eval_count": self._call.completion_tokens}
        return {"done": True, "done_reason": DONE_REASONS[finish_reason], **counts}

    def _line(self, fields: dict[str, Any]) -> bytes:
        return orjson.dumps(self._shared | fields, option=orjson.OPT_APPEND_NEWLINE)


def _message(text: str, calls: list[WholeCall]) -> dict[str, Any]:
    """A message; its calls have no ids, their arguments are objects, and one that was cut is left out."""
    told = [
        {"function": {"name": call.name, "arguments": given}} for call in calls if (given := call.given()) is not None
    ]
    return {"role": "assistant", "content": text} | ({"tool_calls": told} if told else {})
