"""OpenAI's chat completions, which many providers speak more or less."""

from collections.abc import Mapping

from llm_runner.providers.dialects.openai_chat.decoder import ChatDecoder
from llm_runner.providers.dialects.openai_chat.errors import refused
from llm_runner.providers.dialects.openai_chat.hosts import known_quirks
from llm_runner.providers.dialects.openai_chat.request import request_body
from llm_runner.providers.prompt import Prompt
from llm_runner.providers.provider import ProviderFailure
from llm_runner.providers.target import Quirks, Target


class OpenAIChat:
    """`POST /chat/completions` with `stream`: one answer as server-sent events."""

    def path(self, target: Target) -> str:
        return "/chat/completions"

    def headers(self, key: str | None) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        return headers | ({"Authorization": f"Bearer {key}"} if key else {})

    def body(self, target: Target, prompt: Prompt) -> bytes:
        return request_body(target, prompt)

    def quirks(self, target: Target) -> Quirks:
        return known_quirks(target.base_url, target.model)

    def decoder(self, target: Target) -> ChatDecoder:
        return ChatDecoder(target)

    def refusal(self, provider: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderFailure:
        return refused(provider, status, headers, body)
