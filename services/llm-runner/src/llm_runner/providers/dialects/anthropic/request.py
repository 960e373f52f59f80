"""A request for a message of Anthropic's. It has no seed, no penalties, and no place for recordings."""

from typing import Any

import orjson

from llm_runner.providers.json_answers import asked_in_words
from llm_runner.providers.prompt import (
    Audio,
    File,
    Inline,
    NamedTool,
    Part,
    Picture,
    Prompt,
    Sampling,
    Thought,
    Tool,
    ToolChoice,
    ToolUse,
    Turn,
)
from llm_runner.providers.provider import ProviderFailure
from llm_runner.providers.target import Target
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.transcript import ToolCall, ToolResult

Block = dict[str, Any]
HIGHEST_TEMPERATURE = 1.0
THINKING = "thinking"
"""A target that refuses it is shown no thought of the history either."""
TOOL_CHOICES = {ToolUse.AUTO: "auto", ToolUse.REQUIRED: "any"}


def request_body(target: Target, prompt: Prompt) -> bytes:
    """The body of a request. Raises ProviderFailure for what a message of Anthropic's cannot hold."""
    asked = {
        "system": asked_in_words(prompt, target.quirks.answer_format).system or None,
        "tools": [_tool(tool) for tool in prompt.tools] or None,
        "tool_choice": _tool_choice(prompt) if prompt.tools else None,
        **_sampled(prompt.sampling),
    }
    body = {
        "model": target.model,
        "max_tokens": prompt.sampling.max_tokens,
        "messages": [message for turn in prompt.turns if (message := _message(target, turn))],
        "stream": target.quirks.streams,
    }
    without = target.quirks.without
    return orjson.dumps(
        body | {name: value for name, value in asked.items() if value is not None and name not in without}
    )


def _sampled(sampling: Sampling) -> dict[str, Any]:
    """Newer models refuse temperature and top_p together: the first is what is always known."""
    stops = [stop for stop in sampling.stop if stop.strip()]
    return {"temperature": min(sampling.temperature, HIGHEST_TEMPERATURE), "stop_sequences": stops or None}


def _message(target: Target, turn: Turn) -> Block | None:
    """A turn as a message: one text as it is, else blocks, what tools gave first; None where nothing is left of it."""
    if len(turn.parts) == 1 and isinstance(turn.parts[0], str):
        return {"role": turn.role, "content": turn.parts[0]}
    parts = sorted(turn.parts, key=lambda part: not isinstance(part, ToolResult | Thought))
    blocks = [block for part in parts if (block := _block(target, part))]
    return {"role": turn.role, "content": blocks} if blocks else None


def _block(target: Target, part: Part) -> Block | None:
    match part:
        case str():
            return {"type": "text", "text": part} if part.strip() else None
        case Thought():
            return _thought(target, part)
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": orjson.loads(part.input or "{}")}
        case ToolResult():
            failed = {"is_error": True} if part.is_error else {}
            return {"type": "tool_result", "tool_use_id": part.tool_call_id, "content": part.output} | failed
        case Picture():
            return {"type": "image", "source": _source(part)}
        case File():
            source = {"type": "base64", "media_type": part.source.media_type, "data": part.source.base64}
            return {"type": "document", "source": source, "title": part.name}
        case Audio():
            message = f"{target.provider} takes no recordings: choose a model that hears"
            raise ProviderFailure(Family.BAD_REQUEST, message, charged=False)


def _source(picture: Picture) -> Block:
    if isinstance(picture.source, Inline):
        return {"type": "base64", "media_type": picture.source.media_type, "data": picture.source.base64}
    return {"type": "url", "url": picture.source.url}


def _thought(target: Target, thought: Thought) -> Block | None:
    """To whom else than its own model it would be a forgery: its signature is checked."""
    own = (thought.provider, thought.model) == (target.provider, target.model)
    block: Block = orjson.loads(thought.block) if own and THINKING not in target.quirks.without else {}
    return block or None


def _tool(tool: Tool) -> Block:
    described = {"description": tool.description} if tool.description is not None else {}
    schema = tool.parameters or {"type": "object", "properties": {}}
    return {"name": tool.name, "input_schema": schema} | described


def _tool_choice(prompt: Prompt) -> Block | None:
    """None where the model may choose, as it does by itself."""
    choice: ToolChoice = prompt.tool_choice
    one = {"disable_parallel_tool_use": True} if prompt.parallel_tool_calls is False else {}
    if isinstance(choice, NamedTool):
        return {"type": "tool", "name": choice.name} | one
    if choice is ToolUse.NONE:
        return {"type": "none"}
    return {"type": TOOL_CHOICES[choice]} | one if one or choice is not ToolUse.AUTO else None
