"""A request for a chat completion of OpenAI's, as many providers take it more or less."""

from collections.abc import Mapping
from typing import Any

import orjson

from llm_runner.providers.dialects.openai_chat.history import messages
from llm_runner.providers.json_answers import asked_in_words
from llm_runner.providers.local_stops import sent_stops
from llm_runner.providers.prompt import JsonFormat, NamedTool, Prompt, Tool, ToolChoice, ToolUse
from llm_runner.providers.prompt_shaping import without_system
from llm_runner.providers.target import AnswerFormatStep, Quirks, Target

Message = dict[str, Any]
MAX_TOKENS, MAX_COMPLETION_TOKENS = "max_tokens", "max_completion_tokens"


def request_body(target: Target, prompt: Prompt) -> bytes:
    """The body of a streamed request that ends with the usage, where the provider knows how to."""
    quirks = target.quirks
    prompt = asked_in_words(prompt, quirks.answer_format)
    if not quirks.reads_system:
        prompt = without_system(prompt)
    sampling = prompt.sampling
    body: dict[str, Any] = {
        "model": target.model,
        "messages": messages(target, prompt),
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
        "stream": quirks.streams,
        "stream_options": {"include_usage": True} if quirks.streams else None,
    }
    return orjson.dumps(_named(body | _options(prompt, quirks), quirks))


def _named(body: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    """The fields that are known to the target, by the names it knows them by; one without a value is not there."""
    names = dict(quirks.renamed)
    named = {_name(field, names, quirks.without): value for field, value in body.items() if value is not None}
    return {name: value for name, value in named.items() if name not in quirks.without}


def _name(field: str, names: Mapping[str, str], without: frozenset[str]) -> str:
    """The name of a field; how long an answer may be goes by another one where the first is refused."""
    name = names.get(field, field)
    if field != MAX_TOKENS or name not in without:
        return name
    return MAX_TOKENS if name == MAX_COMPLETION_TOKENS else MAX_COMPLETION_TOKENS


def _options(prompt: Prompt, quirks: Quirks) -> dict[str, Any]:
    """What is sent only where it was asked for. How tools are asked for is refused where there are none."""
    sampling, tools = prompt.sampling, [_tool(tool) for tool in prompt.tools]
    asked = {
        "stop": sent_stops(prompt, quirks) or None,
        "response_format": _response_format(prompt.answer_format, quirks.answer_format),
        "tools": tools or None,
        "tool_choice": _tool_choice(prompt.tool_choice) if tools else None,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "parallel_tool_calls": prompt.parallel_tool_calls if tools else None,
    }
    return {name: value for name, value in asked.items() if value is not None}


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


def _response_format(wanted: JsonFormat | None, step: AnswerFormatStep) -> Message | None:
    """As much of it as the target can promise."""
    if wanted is None or step is AnswerFormatStep.TEXT:
        return None
    if wanted.schema is None or step is AnswerFormatStep.OBJECT:
        return {"type": "json_object"}
    strict = {} if wanted.strict is None else {"strict": wanted.strict}
    return {"type": "json_schema", "json_schema": {"name": wanted.name, "schema": wanted.schema} | strict}
