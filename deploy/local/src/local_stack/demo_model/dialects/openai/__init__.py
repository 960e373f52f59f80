"""OpenAI's chat completions."""

import orjson

from local_stack.demo_model.dialects.dialect import Headers, Refusal
from local_stack.demo_model.dialects.openai.chunks import ChunkWriter
from local_stack.demo_model.dialects.openai.request import parse_request
from local_stack.demo_model.errors import ApiError
from local_stack.demo_model.ledger import Call
from local_stack.demo_model.requests import ChatRequest


class OpenAI:
    """`POST /v1/chat/completions`: server-sent chunks, or one JSON document."""

    name = "openai"
    key_header = b"authorization"
    key_prefix = "Bearer "

    def request(self, headers: Headers, body: bytes) -> ChatRequest:
        return parse_request(body, headers.get(b"x-client-request-id"), self.name)

    def writer(self, call: Call, request: ChatRequest) -> ChunkWriter:
        return ChunkWriter(call, request.wanted.include_usage)

    def refusal(self, error: ApiError, retry_after: float | None) -> Refusal:
        told = {"message": error.message, "type": error.kind, "param": None, "code": error.code}
        return Refusal(error.status, orjson.dumps({"error": told}), retry_after)
