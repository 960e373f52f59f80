"""What an answer is made of, whatever the dialect it leaves in. A piece is a token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True)
class CallPiece:
    """A piece of the tool call with this index; its first piece says id and name, and holds no arguments."""

    index: int
    arguments: str = ""
    id: str | None = None
    name: str | None = None


@dataclass
class WholeCall:
    """A tool call put together."""

    id: str
    name: str
    arguments: str = ""

    def given(self) -> dict[str, Any] | None:
        """Its arguments as an object; None for those that were cut."""
        try:
            given: dict[str, Any] = orjson.loads(self.arguments or "{}")
        except orjson.JSONDecodeError:
            return None
        return given


Pieces = Sequence[str] | Sequence[CallPiece]
"""What is sent: words, or tool calls bit by bit."""


def text_of(pieces: Pieces) -> str:
    """The words put together."""
    return "".join(piece for piece in pieces if isinstance(piece, str))


def calls_of(pieces: Pieces) -> list[WholeCall]:
    """The tool calls put together."""
    calls: list[WholeCall] = []
    for piece in pieces:
        if not isinstance(piece, CallPiece):
            continue
        if piece.id is not None:
            calls.append(WholeCall(piece.id, piece.name or ""))
        calls[-1].arguments += piece.arguments
    return calls
