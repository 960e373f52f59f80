"""Anthropic's messages."""

from typing import Final

import orjson

from local_stack.demo_model.dialects.anthropic.events import EventWriter
from local_stack.demo_model.dialects.anthropic.request import parse_request
from local_stack.demo_model.dialects.dialect import Headers, Refusal
from local_stack.demo_model.errors import ApiError, InvalidRequest
from local_stack.demo_model.ledger import Call
from local_stack.demo_model.requests import ChatRequest

_ERRORS: Final = {
    401: (401, "authentication_error"),
    404: (404, "not_found_error"),
    413: (413, "request_too_large"),
    429: (429, "rate_limit_error"),
    500: (500, "api_error"),
    503: (529, "overloaded_error"),
}
"""By the status that others would send."""


class Anthropic:
    """`POST /v1/messages`: events of many types, or one JSON document."""

    name = "anthropic"
    key_header = b"x-api-key"
    key_prefix = ""

    def request(self, headers: Headers, body: bytes) -> ChatRequest:
        if b"anthropic-version" not in headers:
            raise InvalidRequest("anthropic-version: header is required")
        return parse_request(body, headers.get(b"x-client-request-id"), self.name)

    def writer(self, call: Call, request: ChatRequest) -> EventWriter:
        return EventWriter(call)

    def refusal(self, error: ApiError, retry_after: float | None) -> Refusal:
        status, kind = _ERRORS.get(error.status, (error.status, "invalid_request_error"))
        told = {"type": "error", "error": {"type": kind, "message": error.message}}
        return Refusal(status, orjson.dumps(told), retry_after)
