"""Gemini through its form of OpenAI's chat completions, with what is its own: calls, counts, signatures, errors."""

from typing import Any, Final

import orjson

from local_stack.demo_model.dialects.dialect import Headers, Refusal
from local_stack.demo_model.dialects.gemini.chunks import SignedChunkWriter
from local_stack.demo_model.dialects.gemini.signatures import check_signatures
from local_stack.demo_model.dialects.openai.request import parse_request
from local_stack.demo_model.errors import ApiError
from local_stack.demo_model.ledger import Call
from local_stack.demo_model.requests import ChatRequest

_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"


class Gemini:
    """`POST /v1beta/openai/chat/completions`: server-sent chunks, or one JSON document."""

    name = "gemini"
    key_header = b"authorization"
    key_prefix = "Bearer "

    def request(self, headers: Headers, body: bytes) -> ChatRequest:
        request = parse_request(body, headers.get(b"x-client-request-id"), self.name)
        check_signatures(orjson.loads(body)["messages"])
        return request

    def writer(self, call: Call, request: ChatRequest) -> SignedChunkWriter:
        return SignedChunkWriter(call)

    def refusal(self, error: ApiError, retry_after: float | None) -> Refusal:
        """Errors come as a list, and the wait stands in the body alone."""
        status = _STATUSES.get(error.status, "INVALID_ARGUMENT")
        told: dict[str, Any] = {"code": error.status, "message": error.message, "status": status}
        if retry_after is not None:
            told["details"] = [{"@type": _RETRY_INFO, "retryDelay": f"{retry_after:g}s"}]
        return Refusal(error.status, orjson.dumps([{"error": told}]), None)
