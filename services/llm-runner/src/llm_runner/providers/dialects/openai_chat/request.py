"""A request for a chat completion of OpenAI's, as many providers take it more or less."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from llm_runner.providers.prompt import (
    Audio,
    File,
    Inline,
    JsonFormat,
    NamedTool,
    Picture,
    Prompt,
    Thought,
    Tool,
    ToolChoice,
    ToolUse,
    Turn,
)
from llm_runner.providers.target import Target
from shared.contracts.transcript import ToolCall, ToolResult

Message = dict[str, Any]
Shown = str | Picture | Audio | File
AUDIO_FORMATS = {"audio/mpeg": "mp3", "audio/x-wav": "wav"}
"""Where OpenAI's name for a format is not the end of its media type."""


def request_body(target: Target, prompt: Prompt) -> bytes:
    """The body of a streamed request that ends with the usage, where the provider knows how to."""
    sampling = prompt.sampling
    body: dict[str, Any] = {
        "model": target.model,
        "messages": _messages(prompt),
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return orjson.dumps(body | _options(prompt))


def _options(prompt: Prompt) -> dict[str, Any]:
    """What is sent only where it was asked for. How tools are asked for is refused where there are none."""
    sampling, tools = prompt.sampling, [_tool(tool) for tool in prompt.tools]
    asked = {
        "stop": sampling.stop or None,
        "response_format": _response_format(prompt.answer_format) if prompt.answer_format else None,
        "tools": tools or None,
        "tool_choice": _tool_choice(prompt.tool_choice) if tools else None,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "parallel_tool_calls": prompt.parallel_tool_calls if tools else None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _messages(prompt: Prompt) -> list[Message]:
    """One system message at the head, where there is any: some models' templates refuse a second."""
    system: list[Message] = [{"role": "system", "content": prompt.system}] if prompt.system else []
    return [*system, *(message for turn in prompt.turns for message in _turn(turn))]


def _turn(turn: Turn) -> list[Message]:
    """A turn as messages: what a tool gave is one of its own, and stands first."""
    if len(turn.parts) == 1 and isinstance(turn.parts[0], str):
        return [_message(turn, turn.parts[0])]
    results = [_result(part) for part in turn.parts if isinstance(part, ToolResult)]
    calls = [_call(part) for part in turn.parts if isinstance(part, ToolCall)]
    shown = [part for part in turn.parts if not isinstance(part, Thought | ToolCall | ToolResult)]
    if calls:
        return [*results, _message(turn, _content(shown) if shown else None) | {"tool_calls": calls}]
    return [*results, _message(turn, _content(shown))] if shown or not results else results


def _message(turn: Turn, content: object) -> Message:
    """A message in its author's name, where it has one."""
    message: Message = {"role": turn.role, "content": content}
    return message | {"name": turn.name} if turn.name else message


def _content(shown: Sequence[Shown]) -> str | list[Message]:
    """One text where there is nothing else: many servers take no parts."""
    texts = [part for part in shown if isinstance(part, str)]
    return "\n\n".join(texts) if len(texts) == len(shown) else [_part(part) for part in shown]


def _part(part: Shown) -> Message:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if isinstance(part, Picture):
        source = part.source
        url = _data_url(source) if isinstance(source, Inline) else source.url
        return {"type": "image_url", "image_url": {"url": url}}
    if isinstance(part, Audio):
        media_type = part.source.media_type
        written = AUDIO_FORMATS.get(media_type, media_type.rpartition("/")[2])
        return {"type": "input_audio", "input_audio": {"data": part.source.base64, "format": written}}
    return {"type": "file", "file": {"filename": part.name, "file_data": _data_url(part.source)}}


def _data_url(source: Inline) -> str:
    return f"data:{source.media_type};base64,{source.base64}"


def _call(call: ToolCall) -> Message:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.input or "{}"}}


def _result(result: ToolResult) -> Message:
    """OpenAI has no mark for what failed: its text says so."""
    content = f"Error: {result.output}" if result.is_error else result.output
    return {"role": "tool", "tool_call_id": result.tool_call_id, "content": content}


def _tool(tool: Tool) -> Mapping[str, Any]:
    """A tool in OpenAI's own form goes as it came: it may say more than others do."""
    if "function" in tool.declared:
        return tool.declared
    described = {"description": tool.description} if tool.description is not None else {}
    parameters = {"parameters": tool.parameters} if tool.parameters else {}
    return {"type": "function", "function": {"name": tool.name} | described | parameters}


def _tool_choice(choice: ToolChoice) -> str | Message | None:
    """None where the model may choose, as it does by itself."""
    if isinstance(choice, NamedTool):
        return {"type": "function", "function": {"name": choice.name}}
    return None if choice is ToolUse.AUTO else choice


def _response_format(wanted: JsonFormat) -> Message:
    if wanted.schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": wanted.name, "schema": wanted.schema}}
