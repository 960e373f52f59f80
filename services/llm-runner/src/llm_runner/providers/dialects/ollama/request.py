"""A request for a chat of Ollama's own. It has no place for recordings, files, and the choice of a tool."""

from collections.abc import Mapping
from typing import Any

import orjson

from llm_runner.providers.prompt import (
    Audio,
    File,
    Inline,
    Part,
    Picture,
    Prompt,
    Sampling,
    Tool,
    ToolUse,
    Turn,
)
from llm_runner.providers.provider import ProviderFailure
from llm_runner.providers.target import Target
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.transcript import ToolCall, ToolResult

Message = dict[str, Any]


def request_body(target: Target, prompt: Prompt) -> bytes:
    """The body of a request. Raises ProviderFailure for what Ollama takes in no form."""
    offered = [] if prompt.tool_choice is ToolUse.NONE else prompt.tools
    wanted = prompt.answer_format
    asked = {
        "tools": [_tool(tool) for tool in offered] or None,
        "format": (wanted.schema or "json") if wanted else None,
    }
    body = {
        "model": target.model,
        "messages": _messages(target, prompt),
        "stream": target.quirks.streams,
        "options": _options(target, prompt.sampling),
    }
    without = target.quirks.without
    return orjson.dumps(
        body | {name: value for name, value in asked.items() if value is not None and name not in without}
    )


def _options(target: Target, sampling: Sampling) -> dict[str, Any]:
    """`num_ctx` is always sent: without it a long prompt is cut to a few thousand tokens, and nobody is told."""
    options = {
        "num_ctx": target.entry.context_window,
        "num_predict": sampling.max_tokens,
        "temperature": sampling.temperature,
        "seed": sampling.seed,
        "top_p": sampling.top_p,
        "stop": list(sampling.stop) or None,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    return {name: value for name, value in options.items() if value is not None}


def _messages(target: Target, prompt: Prompt) -> list[Message]:
    system: list[Message] = [{"role": "system", "content": prompt.system}] if prompt.system else []
    called = {part.id: part.name for turn in prompt.turns for part in turn.parts if isinstance(part, ToolCall)}
    return [*system, *(message for turn in prompt.turns for message in _turn(target, turn, called))]


def _turn(target: Target, turn: Turn, called: Mapping[str, str]) -> list[Message]:
    """A turn as messages: what a tool gave is one of its own, by the name of the tool, and stands first."""
    results = [_result(part, called) for part in turn.parts if isinstance(part, ToolResult)]
    texts = [part for part in turn.parts if isinstance(part, str) and part.strip()]
    pictures = [shown for part in turn.parts if (shown := _picture(target, part))]
    calls = [_call(part) for part in turn.parts if isinstance(part, ToolCall)]
    if not (texts or pictures or calls):
        return results
    message: Message = {"role": turn.role, "content": "\n\n".join(texts)}
    beside = {"images": pictures or None, "tool_calls": calls or None}
    return [*results, message | {name: value for name, value in beside.items() if value}]


def _picture(target: Target, part: Part) -> str | None:
    """A picture as Ollama takes it, its bytes alone; None for what is none."""
    if isinstance(part, Audio | File) or (isinstance(part, Picture) and not isinstance(part.source, Inline)):
        message = f"{target.provider} takes pictures by their bytes only, and no recordings or files"
        raise ProviderFailure(Family.BAD_REQUEST, message, charged=False)
    return part.source.base64 if isinstance(part, Picture) and isinstance(part.source, Inline) else None


def _call(call: ToolCall) -> Message:
    """Its arguments go as an object here, where OpenAI wants a text."""
    return {"function": {"name": call.name, "arguments": orjson.loads(call.input or "{}")}}


def _result(result: ToolResult, called: Mapping[str, str]) -> Message:
    content = f"Error: {result.output}" if result.is_error else result.output
    name = called.get(result.tool_call_id)
    return {"role": "tool", "content": content} | ({"tool_name": name} if name else {})


def _tool(tool: Tool) -> Mapping[str, Any]:
    if "function" in tool.declared:
        return tool.declared
    described = {"description": tool.description} if tool.description is not None else {}
    parameters = tool.parameters or {"type": "object", "properties": {}}
    return {"type": "function", "function": {"name": tool.name, "parameters": parameters} | described}
