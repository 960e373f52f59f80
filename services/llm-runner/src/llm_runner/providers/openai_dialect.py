"""The wire format of OpenAI's chat completions, as many providers speak it more or less."""

from typing import Any

import orjson

from llm_runner.providers.http_errors import refused
from llm_runner.providers.provider import PROVIDER_ERROR, Chunk, Prompt, ProviderFailure, TokenCount

PATH = "/chat/completions"
END = b"[DONE]"


def request_body(model: str, prompt: Prompt) -> bytes:
    """The body of a streamed request that ends with the usage, where the provider knows how to."""
    body: dict[str, Any] = {
        "model": model,
        "messages": prompt.messages,
        "temperature": prompt.temperature,
        "max_tokens": prompt.max_tokens,
        "seed": prompt.seed,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if prompt.stop:
        body["stop"] = prompt.stop
    if prompt.json_answer:
        body["response_format"] = {"type": "json_object"}
    return orjson.dumps(body)


def read_event(data: bytes, provider: str) -> Chunk:
    """The chunk an event's data holds. Raises ProviderFailure for no JSON, another shape, or an error frame."""
    try:
        frame = orjson.loads(data)
        error = frame.get("error")
        if error:
            raise _error_frame(error, provider)
        choices = frame.get("choices")
        usage = frame.get("usage")
        tokens = TokenCount(usage["prompt_tokens"], usage["completion_tokens"]) if usage else None
        if not choices:
            return Chunk(tokens=tokens)
        choice = choices[0]
        delta = choice.get("delta") or {}
        return Chunk(_text(delta), choice.get("finish_reason"), tokens)
    except (orjson.JSONDecodeError, AttributeError, KeyError, IndexError, TypeError) as malformed:
        raise ProviderFailure(
            PROVIDER_ERROR, f"{provider} sent a chunk that is not of OpenAI's shape; it is tried again"
        ) from malformed


def _text(delta: dict[str, Any]) -> str:
    text = delta.get("content") or delta.get("refusal") or ""
    if not isinstance(text, str):
        raise TypeError("text of a delta")
    return text


def _error_frame(error: Any, provider: str) -> ProviderFailure:
    """An error inside a stream that has begun (OpenRouter and others answer 200 first)."""
    described: dict[str, Any] = error if isinstance(error, dict) else {"message": str(error)}
    code = str(described.get("code"))
    status = int(code) if code.isdigit() else 500
    return refused(provider, status, orjson.dumps({"error": described}), {})
