"""A request for a chat completion of OpenAI's, as many providers take it more or less."""

from dataclasses import asdict
from typing import Any

import orjson

from llm_runner.providers.provider import PLAIN_SAMPLING, Prompt


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


def _tool(definition: dict[str, object]) -> dict[str, object]:
    """A tool as OpenAI wants it, from its own form or a plain `{name, description, parameters | inputSchema}`."""
    if "function" in definition:
        return definition
    function = {name: definition[name] for name in ("name", "description") if name in definition}
    parameters = definition.get("parameters") or definition.get("inputSchema")
    return {"type": "function", "function": function | ({"parameters": parameters} if parameters else {})}
