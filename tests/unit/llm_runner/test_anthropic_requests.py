"""What is sent as a message of Anthropic's."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from llm_runner.providers.dialects.anthropic import AnthropicMessages
from llm_runner.providers.prompt import (
    Address,
    Audio,
    File,
    Inline,
    JsonFormat,
    NamedTool,
    Part,
    Picture,
    Prompt,
    Role,
    Sampling,
    Thought,
    Tool,
    ToolChoice,
    ToolUse,
    Turn,
)
from llm_runner.providers.provider import ProviderFailure
from llm_runner.providers.target import Quirks
from shared.contracts.transcript import ToolCall, ToolResult
from unit.llm_runner.prompts import plain_prompt, target

PROMPT = plain_prompt()
BYTES = Inline("image/png", "QUJD")
WEATHER = Tool({"name": "weather", "description": "Now.", "inputSchema": {"type": "object"}})
ASKS = ToolCall(id="call-1", name="weather", input='{"city":"Rome"}')
BLOCK = '{"type":"thinking","thinking":"plan","signature":"SIG"}'


def _sent(prompt: Prompt, quirks: Quirks | None = None) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(AnthropicMessages().body(target("claude", quirks), prompt))
    return body


def _said(role: Role, *parts: Part) -> Any:
    return _sent(replace(PROMPT, turns=(Turn(role, parts),)))["messages"][0]["content"]


def test_a_request_has_what_is_required_and_no_more() -> None:
    assert _sent(replace(PROMPT, system="Be kind.")) == {
        "model": "claude",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "system": "Be kind.",
        "temperature": 0.5,
    }


def test_sampling_keeps_to_what_is_taken() -> None:
    sampling = Sampling(1.7, 50, 4, stop=("END", "  ", ""), top_p=0.5, presence_penalty=1.0)
    body = _sent(replace(PROMPT, sampling=sampling))
    assert (body["temperature"], body["stop_sequences"]) == (1.0, ["END"])
    assert not {"top_p", "seed", "presence_penalty"} & body.keys()


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Picture(BYTES), {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}),
        (Picture(Address("https://a/b")), {"type": "image", "source": {"type": "url", "url": "https://a/b"}}),
        (
            File("a.pdf", Inline("application/pdf", "QUJD")),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"},
                "title": "a.pdf",
            },
        ),
        (ASKS, {"type": "tool_use", "id": "call-1", "name": "weather", "input": {"city": "Rome"}}),
        (
            ToolResult(tool_call_id="call-1", output="broken", is_error=True),
            {"type": "tool_result", "tool_use_id": "call-1", "content": "broken", "is_error": True},
        ),
    ],
)
def test_each_part_is_a_block(part: Part, block: dict[str, Any]) -> None:
    assert _said(Role.USER, part) == [block]


def test_a_recording_is_refused_by_name() -> None:
    with pytest.raises(ProviderFailure, match="no recordings"):
        _said(Role.USER, Audio(BYTES))


def test_results_stand_before_what_is_said_and_blank_texts_are_left_out() -> None:
    blocks = _said(Role.USER, "And now?", "  ", ToolResult(tool_call_id="call-1", output="sunny"))
    assert [block["type"] for block in blocks] == ["tool_result", "text"]


@pytest.mark.parametrize(
    ("provider", "model", "quirks", "shown"),
    [
        ("demo", "claude", None, True),
        ("other", "claude", None, False),
        ("demo", "another", None, False),
        ("demo", "claude", Quirks(without=frozenset({"thinking"})), False),
    ],
)
def test_a_thought_is_shown_to_its_own_model_alone(
    provider: str, model: str, quirks: Quirks | None, shown: bool
) -> None:
    turn = Turn(Role.ASSISTANT, ("Hi", Thought(provider, model, BLOCK)))
    blocks = _sent(replace(PROMPT, turns=(turn,)), quirks)["messages"][0]["content"]
    assert blocks == [*([orjson.loads(BLOCK)] if shown else []), {"type": "text", "text": "Hi"}]


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        (ToolUse.AUTO, None, None),
        (ToolUse.AUTO, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolUse.NONE, None, {"type": "none"}),
        (ToolUse.REQUIRED, None, {"type": "any"}),
        (NamedTool("weather"), False, {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}),
    ],
)
def test_a_choice_of_tools(choice: ToolChoice, parallel: bool | None, sent: object) -> None:
    body = _sent(replace(PROMPT, tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=parallel))
    assert body.get("tool_choice") == sent
    assert body["tools"] == [{"name": "weather", "input_schema": {"type": "object"}, "description": "Now."}]


def test_a_format_is_asked_for_in_words() -> None:
    prompt = replace(PROMPT, system="Be kind.", answer_format=JsonFormat({"type": "array"}))
    system = _sent(prompt, AnthropicMessages().quirks(target()))["system"]
    assert system.startswith("Be kind.\n\nAnswer with one JSON object")
    assert system.endswith('{"type":"array"}')
