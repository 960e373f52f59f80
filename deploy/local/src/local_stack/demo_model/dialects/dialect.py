"""What a dialect is: how a request is read, how its answer is written, and how it is refused."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from local_stack.demo_model.errors import ApiError
from local_stack.demo_model.ledger import Call
from local_stack.demo_model.pieces import Pieces
from local_stack.demo_model.requests import ChatRequest

Headers = Mapping[bytes, str]


class Refusal(NamedTuple):
    """An error as a dialect says it; `retry_after` in seconds is for the header of that name."""

    status: int
    body: bytes
    retry_after: float | None


class AnswerWriter(Protocol):
    """Writes the bytes of one answer. What has left so far stands in its call."""

    stream_type: bytes
    """The content type of a stream."""
    malformed: bytes
    """A part of a stream that is none."""

    def begin(self) -> bytes:
        """What stands before the first piece."""

    def pieces(self, pieces: Pieces) -> bytes:
        """The words as one part, or each piece of a tool call as the dialect tells them."""

    def end(self, finish_reason: str) -> bytes:
        """What stands after the last piece, for `stop`, `length` or `tool_calls`."""

    def whole(self, pieces: Pieces, finish_reason: str) -> bytes:
        """The answer as one document."""


class Dialect(Protocol):
    """One wire format."""

    name: str
    key_header: bytes
    key_prefix: str
    """What stands before the key in its header."""

    def request(self, headers: Headers, body: bytes) -> ChatRequest:
        """Raises `InvalidRequest` when it is no JSON or not of the dialect's shape, `UnknownModel`."""

    def writer(self, call: Call, request: ChatRequest) -> AnswerWriter:
        """A writer for the answer of this call."""

    def refusal(self, error: ApiError, retry_after: float | None) -> Refusal:
        """An error as the dialect says it; `retry_after` in seconds if it asks for a wait."""
