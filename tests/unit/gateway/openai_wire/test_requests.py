"""Every field of OpenAI's chat completions: passed on, taken because it changes no answer, or refused by its name."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.errors import InvalidRequest
from gateway.http.validation import problems
from gateway.openai_wire.requests import CompletionBody
from gateway.openai_wire.run_settings import completion_settings
from gateway.settings import GatewaySettings
from shared.contracts.settings import Participant
from support.gateway.app import CASTING

USER = {"role": "user", "content": "Where is my kettle?"}
TOOL = {"type": "function", "function": {"name": "find_order", "parameters": {"type": "object"}, "strict": True}}
NULLS = {"function": {"name": "f", "description": None, "parameters": None, "strict": None}}


def body_of(**fields: Any) -> dict[str, Any]:
    return {"model": "demo/demo-fast", "messages": [USER]} | fields


def voice_of(**fields: Any) -> Participant:
    body = CompletionBody.model_validate(body_of(**fields))
    return completion_settings(body, CASTING, GatewaySettings()).scenarios[0].agent


def refusal_of(**fields: Any) -> tuple[str, str]:
    """The field a request is refused for, and the sentence."""
    try:
        voice_of(**fields)
    except ValidationError as error:
        as_fastapi = [one | {"loc": ("body", *one["loc"])} for one in error.errors()]
        found = problems(as_fastapi, body_of(**fields))[0]
        return found.field, found.message
    except InvalidRequest as error:
        shown: Any = error.details["fields"]
        return shown[0]["field"], shown[0]["message"]
    raise AssertionError(f"{fields} is not refused")


@pytest.mark.parametrize(
    ("fields", "passed_on"),
    [
        ({"top_p": 0.5}, {"top_p": 0.5}),
        ({"top_p": 1}, {"top_p": 1}),
        ({"presence_penalty": -2}, {"presence_penalty": -2}),
        ({"frequency_penalty": 0.1}, {"frequency_penalty": 0.1}),
        ({"seed": 42}, {"seed": 42}),
        ({"seed": -1}, {"seed": -1}),
        ({"seed": 2**63 - 1}, {"seed": 2**63 - 1}),
        ({}, {"seed": None, "top_p": None, "parallel_tool_calls": None}),
        ({"tools": [TOOL], "parallel_tool_calls": False}, {"parallel_tool_calls": False, "tools": (TOOL,)}),
        ({"tools": [TOOL], "tool_choice": "none"}, {"tools": ()}),
        ({"tools": [TOOL | {"cache_control": {"type": "x"}}]}, {"tools": (TOOL | {"cache_control": {"type": "x"}},)}),
        ({"tools": [NULLS]}, {"tools": ({"type": "function", "function": {"name": "f"}},)}),
        ({"max_tokens": -1}, {"max_tokens": 4_096}),
        ({"max_completion_tokens": 7, "max_tokens": 9}, {"max_tokens": 7}),
        ({"stop": ""}, {"stop": ()}),
        ({"stop": ["\n", ""]}, {"stop": ("\n",)}),
        ({"stop": []}, {"stop": ()}),
    ],
)
def test_what_can_be_passed_on_is(fields: dict[str, Any], passed_on: dict[str, Any]) -> None:
    voice = voice_of(**fields)
    assert {name: getattr(voice, name) for name in passed_on} == passed_on


TAKEN: list[dict[str, Any]] = [
    {"n": 1},
    {"logprobs": False},
    {"top_logprobs": 0},
    {"logit_bias": {}},
    {"functions": []},
    {"function_call": "auto"},
    {"tool_choice": "auto"},
    {"parallel_tool_calls": True},
    {"presence_penalty": 0, "frequency_penalty": 0.0, "top_p": 1.0},
    {"response_format": {"type": "text"}},
    {"modalities": ["text"]},
    {"verbosity": "medium"},
    {"user": "bob", "metadata": {"a": "b"}, "store": True, "service_tier": "flex", "prediction": {"type": "content"}},
    {"prompt_cache_key": "k", "prompt_cache_retention": "24h", "safety_identifier": "s"},
    {"stream": False, "stream_options": {"include_usage": True, "include_obfuscation": False}},
    {"stream_options": {"include_usage": None}},
    {"messages": [USER, {"role": "assistant", "content": None, "refusal": "No.", "audio": None}, USER]},
]


@pytest.mark.parametrize("fields", TAKEN)
def test_what_changes_no_answer_is_taken(fields: dict[str, Any]) -> None:
    assert voice_of(**fields) == voice_of(**{name: fields[name] for name in fields if name in SAMPLED})


SAMPLED = ("presence_penalty", "frequency_penalty", "top_p", "parallel_tool_calls")
KNOWN = [name for name, field in CompletionBody.model_fields.items() if not field.is_required()]


@pytest.mark.parametrize("name", KNOWN)
def test_null_is_as_if_it_were_not_there(name: str) -> None:
    assert voice_of(**{name: None}) == voice_of()


def test_refusal_of_an_assistant_is_what_it_said() -> None:
    history = [USER, {"role": "assistant", "content": None, "refusal": "No."}, USER]
    body = CompletionBody.model_validate(body_of(messages=history))
    assert completion_settings(body, CASTING, GatewaySettings()).scenarios[0].given[1].content == "No."


def test_names_of_authors_are_given() -> None:
    history = [USER | {"name": "ann"}, {"role": "assistant", "content": "At sea.", "name": "clerk"}, USER]
    body = CompletionBody.model_validate(body_of(messages=history))
    given = completion_settings(body, CASTING, GatewaySettings()).scenarios[0].given
    assert [one.author for one in given] == ["ann", "clerk", None]


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"n": 2}, "n", "must be 1"),
    ({"n": True}, "n", "must be 1"),
    ({"logprobs": True}, "logprobs", "is not offered"),
    ({"top_logprobs": 5}, "top_logprobs", "is not offered"),
    ({"logit_bias": {"50256": -100}}, "logit_bias", "is not offered"),
    ({"functions": [{"name": "f"}]}, "functions", "send tools"),
    ({"function_call": {"name": "f"}}, "function_call", "send tools"),
    ({"response_format": {"type": "json_schema"}}, "response_format", "must hold json_schema"),
    ({"tool_choice": "required"}, "tool_choice", "not among tools"),
    ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice", "not among tools"),
    ({"modalities": ["text", "audio"]}, "modalities", 'must be ["text"]'),
    ({"audio": {"voice": "alloy", "format": "wav"}}, "audio", "is not offered"),
    ({"reasoning_effort": "low"}, "reasoning_effort", "is not offered"),
    ({"verbosity": "low"}, "verbosity", "must be medium"),
    ({"web_search_options": {}}, "web_search_options", "is not offered"),
    ({"top_p": 1.1}, "top_p", "must be at most 1"),
    ({"presence_penalty": 3}, "presence_penalty", "must be at most 2"),
    ({"seed": 2**63}, "seed", "must be at most"),
    ({"seed": "7"}, "seed", "must be a whole number"),
    ({"max_tokens": 0}, "max_tokens", "must be at least 1"),
    ({"max_tokens": 5_000}, "max_tokens", "must be at most 4096"),
    ({"stop": 5}, "stop", "must be a text, or a list"),
    ({"stop": ["a"] * 5}, "stop", "must hold at most 4 items"),
    ({"stop": ["a", 5]}, "stop.1", "must be a text"),
    ({"tools": [{"type": "function"}]}, "tools.0.function", "is required"),
    ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools.0.type", "must be 'function'"),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools.0.function.name", "must match"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}, "tools.0.function.parameters", ""),
    ({"tools": [TOOL | {"x": "\ud800"}]}, "tools.0", "surrogate"),
    ({"tools": [TOOL | {"x": "y" * 20_000}]}, "tools.0", "must have at most 16000 bytes as JSON"),
    ({"messages": [USER, {"role": "tool", "content": "x"}]}, "messages.1.tool_call_id", "is required"),
    ({"messages": [USER | {"role": "function"}]}, "messages.0.role", "must be 'system'"),
    ({"messages": [USER | {"content": 5}]}, "messages.0.content", "must be a text, or a list"),
    ({"messages": [USER | {"content": "\ud800"}]}, "messages.0.content", "surrogate"),
    ({"messages": [USER | {"audio": {"id": "a"}}]}, "messages.0.audio", "is not offered"),
    ({"messages": [USER | {"function_call": {"name": "f", "arguments": "{}"}}]}, "messages.0.function_call", "tools"),
    ({"messages": []}, "messages", "must hold at least 1 item"),
    ({"messages": [USER] * 501}, "messages", "must hold at most 500 items"),
]
KINDS_OF_PARTS = ("image_url", "input_audio", "file", "video_url", "image", "thing")


@pytest.mark.parametrize(("fields", "named", "sentence"), REFUSED)
def test_what_would_be_answered_otherwise_is_refused(fields: dict[str, Any], named: str, sentence: str) -> None:
    field, message = refusal_of(**fields)
    assert (field, sentence in message) == (named, True), message


@pytest.mark.parametrize("kind", KINDS_OF_PARTS)
def test_parts_that_are_no_text_are_refused_by_their_kind(kind: str) -> None:
    content = [{"type": "text", "text": "Look"}, {"type": kind, kind: {"url": "https://here/x.png"}}]
    field, message = refusal_of(messages=[USER | {"content": content}])
    assert (field, f"'{kind}'" in message) == ("messages.0.content.1", True)


@pytest.mark.parametrize("role", ["assistant", "tool"])
def test_history_that_one_event_cannot_tell_is_refused(role: str) -> None:
    large = "\U0001f600" * 160_000
    call = {"id": "c1", "function": {"name": "f", "arguments": large if role == "assistant" else "{}"}}
    said = [USER, {"role": "assistant", "tool_calls": [call]}]
    gave = {"role": "tool", "tool_call_id": "c1", "content": large if role == "tool" else "x"}
    _, message = refusal_of(messages=[*said, gave])
    assert "at most 600000 bytes" in message
