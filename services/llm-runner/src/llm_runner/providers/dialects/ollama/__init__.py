"""Ollama's own chat, which tells more than its form of OpenAI's does, and takes the window it is to use."""

from collections.abc import Mapping

from llm_runner.providers.dialects.ollama.decoder import LineDecoder
from llm_runner.providers.dialects.ollama.request import request_body
from llm_runner.providers.dialects.openai_chat.errors import refused
from llm_runner.providers.prompt import Prompt
from llm_runner.providers.provider import ProviderFailure
from llm_runner.providers.target import Quirks, Target


class OllamaChat:
    """`POST /api/chat`: one answer as a JSON object a line."""

    def path(self, target: Target) -> str:
        return "/api/chat"

    def headers(self, key: str | None) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/x-ndjson"}
        return headers | ({"Authorization": f"Bearer {key}"} if key else {})

    def body(self, target: Target, prompt: Prompt) -> bytes:
        return request_body(target, prompt)

    def quirks(self, target: Target) -> Quirks:
        return Quirks()

    def decoder(self, target: Target) -> LineDecoder:
        return LineDecoder(target)

    def refusal(self, provider: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderFailure:
        return refused(provider, status, headers, body)
