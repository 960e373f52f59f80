"""The wire format of OpenAI's chat completions, as many providers speak it more or less."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import orjson

from llm_runner.providers.http_errors import error_frame
from llm_runner.providers.provider import (
    PLAIN_SAMPLING,
    PROVIDER_ERROR,
    Chunk,
    Malformed,
    Prompt,
    ProviderFailure,
    TokenCount,
    ToolCallDelta,
)
from llm_runner.providers.received import finish_reason, parsed, token_count, tool_call

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
    if prompt.tools:
        body["tools"] = [_tool(definition) for definition in prompt.tools]
    if prompt.sampling != PLAIN_SAMPLING:
        body |= _sampling(prompt)
    return orjson.dumps(body)


def _sampling(prompt: Prompt) -> dict[str, Any]:
    """What was asked for; how tools are asked for means nothing without any, and is refused then."""
    asked = {name: value for name, value in asdict(prompt.sampling).items() if value is not None}
    if not prompt.tools:
        asked.pop("parallel_tool_calls", None)
    return asked


def read_events(events: Iterable[bytes], provider: str) -> Iterator[Chunk]:
    """The chunks that events hold, in their order; texts that follow each other are one. Raises ProviderFailure."""
    texts: list[str] = []
    for data in events:
        read = _read(data, provider)
        if isinstance(read, str):
            texts.append(read)
            continue
        if texts:
            yield Chunk("".join(texts))
            texts = []
        yield read
    if texts:
        yield Chunk("".join(texts))


def _read(data: bytes, provider: str) -> Chunk | str:
    """What an event holds: a text, or anything else. Raises ProviderFailure for what is not of OpenAI's shape."""
    try:
        frame = parsed(data)
        error = frame.get("error")
        if error:
            raise error_frame(error, provider)
        choices = frame.get("choices")
        usage = frame.get("usage")
        tokens = _tokens(usage) if usage else None
        if not choices:
            return Chunk(tokens=tokens)
        choice = choices[0]
        delta = choice.get("delta") or {}
        text, ended, pieces = _text(delta), choice.get("finish_reason"), delta.get("tool_calls")
        if not (ended or tokens or pieces):
            return text
        return Chunk(text, finish_reason(ended), tokens, _tool_calls(pieces) if pieces else ())
    except (Malformed, AttributeError, KeyError, IndexError, TypeError) as malformed:
        raise ProviderFailure(
            PROVIDER_ERROR, f"{provider} sent a chunk that is not of OpenAI's shape; it is tried again"
        ) from malformed


def _tokens(usage: Any) -> TokenCount | None:
    counted = usage if isinstance(usage, dict) else {}
    return token_count(counted.get("prompt_tokens"), counted.get("completion_tokens"))


def _text(delta: dict[str, Any]) -> str:
    text = delta.get("content") or delta.get("refusal") or ""
    if not isinstance(text, str):
        raise Malformed("text of a delta")
    return text


def _tool_calls(pieces: list[Any]) -> tuple[ToolCallDelta, ...]:
    return tuple(_tool_call(place, piece) for place, piece in enumerate(pieces))


def _tool_call(place: int, piece: dict[str, Any]) -> ToolCallDelta:
    function = piece.get("function") or {}
    return tool_call(place, piece.get("index"), piece.get("id"), function.get("name"), function.get("arguments"))


def _tool(definition: dict[str, object]) -> dict[str, object]:
    """A tool as OpenAI wants it, from its own form or a plain `{name, description, parameters | inputSchema}`."""
    if "function" in definition:
        return definition
    function = {name: definition[name] for name in ("name", "description") if name in definition}
    parameters = definition.get("parameters") or definition.get("inputSchema")
    return {"type": "function", "function": function | ({"parameters": parameters} if parameters else {})}
