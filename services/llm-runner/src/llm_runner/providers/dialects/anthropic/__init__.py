"""Anthropic's messages, which some others speak, too (docs.anthropic.com, API version 2023-06-01)."""

from collections.abc import Mapping

from llm_runner.providers.dialects.anthropic.decoder import MessageDecoder
from llm_runner.providers.dialects.anthropic.errors import refused
from llm_runner.providers.dialects.anthropic.request import request_body
from llm_runner.providers.prompt import Prompt
from llm_runner.providers.provider import ProviderFailure
from llm_runner.providers.target import AnswerFormatStep, Quirks, Target

VERSION = "2023-06-01"
QUIRKS = Quirks(answer_format=AnswerFormatStep.TEXT, ends_with_user=True)


class AnthropicMessages:
    """`POST /messages` with `stream`: one answer as server-sent events of many types."""

    def path(self, target: Target) -> str:
        return "/messages"

    def headers(self, key: str | None) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "anthropic-version": VERSION}
        return headers | ({"x-api-key": key} if key else {})

    def body(self, target: Target, prompt: Prompt) -> bytes:
        return request_body(target, prompt)

    def quirks(self, target: Target) -> Quirks:
        return QUIRKS

    def decoder(self, target: Target) -> MessageDecoder:
        return MessageDecoder(target.provider)

    def refusal(self, provider: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderFailure:
        return refused(provider, status, headers, body)
