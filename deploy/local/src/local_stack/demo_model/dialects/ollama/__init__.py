"""Ollama's own chat."""

import orjson

from local_stack.demo_model.dialects.dialect import Headers, Refusal
from local_stack.demo_model.dialects.ollama.lines import LineWriter
from local_stack.demo_model.dialects.ollama.request import parse_request
from local_stack.demo_model.errors import ApiError
from local_stack.demo_model.ledger import Call
from local_stack.demo_model.requests import ChatRequest


class Ollama:
    """`POST /api/chat`: a JSON object a line, or one alone."""

    name = "ollama"
    key_header = b"authorization"
    key_prefix = "Bearer "

    def request(self, headers: Headers, body: bytes) -> ChatRequest:
        return parse_request(body, headers.get(b"x-client-request-id"), self.name)

    def writer(self, call: Call, request: ChatRequest) -> LineWriter:
        return LineWriter(call)

    def refusal(self, error: ApiError, retry_after: float | None) -> Refusal:
        return Refusal(error.status, orjson.dumps({"error": error.message}), retry_after)
