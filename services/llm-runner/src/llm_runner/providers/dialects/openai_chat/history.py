"""What was said, as messages of OpenAI's chat completions."""

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from llm_runner.providers.prompt import Audio, File, Inline, Picture, Prompt, Role, Thought, Turn
from llm_runner.providers.target import Target
from shared.contracts.transcript import ToolCall, ToolResult

Message = dict[str, Any]
Shown = str | Picture | Audio | File
AUDIO_FORMATS = {"audio/mpeg": "mp3", "audio/x-wav": "wav"}
"""Where OpenAI's name for a format is not the end of its media type."""
NOT_KNOWN = " "
"""What was thought, where it is not known any more and has to be said: one space is enough."""


def messages(target: Target, prompt: Prompt) -> list[Message]:
    """One system message at the head, where there is any: some models' templates refuse a second."""
    system: list[Message] = [{"role": "system", "content": prompt.system}] if prompt.system else []
    return [*system, *(message for turn in prompt.turns for message in _turn(target, turn))]


def _turn(target: Target, turn: Turn) -> list[Message]:
    """A turn as messages: what a tool gave is one of its own, and stands first."""
    results = [_result(target, part) for part in turn.parts if isinstance(part, ToolResult)]
    calls = [_call(target, part) for part in turn.parts if isinstance(part, ToolCall)]
    shown = [part for part in turn.parts if not isinstance(part, Thought | ToolCall | ToolResult)]
    thought = _thought(target, turn)
    if calls:
        # Not null: some servers refuse that.
        return [*results, {"role": turn.role, "content": _content(shown)} | thought | {"tool_calls": calls}]
    if not shown and results:
        return results
    return [*results, {"role": turn.role, "content": _content(shown)} | thought]


def _thought(target: Target, turn: Turn) -> Message:
    """What the model thought, for a target that wants to see it with every answer of its own."""
    if turn.role is not Role.ASSISTANT or not target.quirks.replays_reasoning:
        return {}
    blocks = [orjson.loads(part.block) for part in turn.parts if isinstance(part, Thought)]
    texts = [block.get("reasoning_content") for block in blocks if isinstance(block, dict)]
    return {"reasoning_content": "".join(text for text in texts if isinstance(text, str)) or NOT_KNOWN}


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


def _call(target: Target, call: ToolCall) -> Message:
    """A call; what else its provider wrote into it is said to that provider again."""
    beside: Message = orjson.loads(call.beside) if call.beside else {}
    function = {"name": call.name, "arguments": call.input or "{}"}
    return {"id": _tool_id(target, call.id), "type": "function", "function": function} | beside


def _result(target: Target, result: ToolResult) -> Message:
    """OpenAI has no mark for what failed: its text says so."""
    content = f"Error: {result.output}" if result.is_error else result.output
    return {"role": "tool", "tool_call_id": _tool_id(target, result.tool_call_id), "content": content}


def _tool_id(target: Target, identity: str) -> str:
    """The id as it is, or for a target that takes none like it always the same other one."""
    length = target.quirks.tool_id_length
    if length is None or (len(identity) == length and identity.isalnum() and identity.isascii()):
        return identity
    return hashlib.sha256(identity.encode()).hexdigest()[:length]
