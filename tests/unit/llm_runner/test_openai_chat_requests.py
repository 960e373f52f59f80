"""What is sent as a chat completion of OpenAI's."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from llm_runner.providers.dialects.openai_chat.request import request_body
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
    Tool,
    ToolChoice,
    ToolUse,
    Turn,
)
from shared.contracts.transcript import ToolCall, ToolResult
from unit.llm_runner.prompts import plain_prompt, target

PROMPT = plain_prompt()
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER: Mapping[str, object] = {
    "type": "function",
    "function": {"name": "weather", "description": "Now.", "parameters": PARAMETERS},
}
ASKS = ToolCall(id="call-1", name="weather", input='{"city":"Rome"}')
GAVE = ToolResult(tool_call_id="call-1", output='"sunny"')
ROME = {"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}}


def _sent(prompt: Prompt) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(request_body(target("m"), prompt))
    return body


def _messages(*turns: Turn, system: str = "") -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = _sent(replace(PROMPT, turns=turns, system=system))["messages"]
    return messages


def test_the_body_asks_for_a_stream_with_usage() -> None:
    body = _sent(PROMPT)
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert (body["model"], body["seed"], body["max_tokens"], body["temperature"]) == ("m", 4, 9, 0.5)
    assert not {"stop", "response_format", "tools", "tool_choice"} & body.keys()


def test_stop_is_sent_where_it_is_asked_for() -> None:
    assert _sent(replace(PROMPT, sampling=Sampling(0.0, 9, 4, stop=("END",))))["stop"] == ["END"]


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        (JsonFormat(), {"type": "json_object"}),
        (
            JsonFormat(PARAMETERS, "place"),
            {"type": "json_schema", "json_schema": {"name": "place", "schema": PARAMETERS}},
        ),
    ],
)
def test_json_is_asked_for_with_its_schema_where_it_has_one(wanted: JsonFormat, sent: object) -> None:
    assert _sent(replace(PROMPT, answer_format=wanted))["response_format"] == sent


@pytest.mark.parametrize(
    ("tool", "sent"),
    [
        (WEATHER, WEATHER),
        ({"name": "weather", "description": "Now.", "parameters": PARAMETERS}, WEATHER),
        ({"name": "weather", "description": "Now.", "inputSchema": PARAMETERS}, WEATHER),
        ({"name": "weather"}, {"type": "function", "function": {"name": "weather"}}),
        ({"function": {"name": "x", "strict": True}, "y": 1}, {"function": {"name": "x", "strict": True}, "y": 1}),
    ],
)
def test_tools_are_sent_as_functions_whatever_form_they_came_in(
    tool: dict[str, object], sent: dict[str, object]
) -> None:
    assert _sent(replace(PROMPT, tools=(Tool(tool),)))["tools"] == [sent]


@pytest.mark.parametrize("declared", [WEATHER, {"name": "weather", "description": "Now.", "inputSchema": PARAMETERS}])
def test_a_tool_is_read_in_each_of_its_forms(declared: dict[str, object]) -> None:
    tool = Tool(declared)
    assert (tool.name, tool.description, tool.parameters) == ("weather", "Now.", PARAMETERS)


@pytest.mark.parametrize("declared", [{}, {"name": 7, "parameters": "x"}, {"function": "x"}])
def test_a_tool_that_is_declared_oddly_has_no_name(declared: dict[str, object]) -> None:
    tool = Tool(declared)
    assert (tool.name, tool.description, tool.parameters) == ("", None, None)


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolUse.AUTO, None),
        (ToolUse.NONE, "none"),
        (ToolUse.REQUIRED, "required"),
        (NamedTool("weather"), {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_how_tools_are_chosen_is_sent_where_it_is_not_left_to_the_model(choice: ToolChoice, sent: object) -> None:
    assert _sent(replace(PROMPT, tools=(Tool(WEATHER),), tool_choice=choice)).get("tool_choice") == sent
    assert "tool_choice" not in _sent(replace(PROMPT, tool_choice=choice))


def test_sampling_is_sent_where_it_was_asked_for() -> None:
    sampling = Sampling(0.5, 9, 4, top_p=0.5, presence_penalty=0.0, frequency_penalty=None)
    asked = replace(PROMPT, sampling=sampling, parallel_tool_calls=False)
    body = _sent(replace(asked, tools=(Tool(WEATHER),)))
    assert (body["top_p"], body["presence_penalty"], body["parallel_tool_calls"]) == (0.5, 0.0, False)
    assert "frequency_penalty" not in body
    # Without tools providers refuse it.
    assert "parallel_tool_calls" not in _sent(asked)
    assert not {"top_p", "presence_penalty"} & _sent(PROMPT).keys()


def test_the_instructions_are_the_first_message() -> None:
    assert _messages(Turn(Role.USER, ("Hi",)), system="Be kind.") == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi"},
    ]


def test_rq_09_no_name_is_sent() -> None:
    assert _messages(Turn(Role.USER, ("Hi",), "ann"))[0] == {"role": "user", "content": "Hi"}


def test_calls_and_what_came_of_them_are_messages_of_their_own() -> None:
    failed = GAVE.model_copy(update={"output": "no network", "is_error": True})
    assert _messages(
        Turn(Role.ASSISTANT, ("Let me see.", ASKS)),
        Turn(Role.USER, (GAVE,)),
        Turn(Role.ASSISTANT, (ASKS,)),
        Turn(Role.USER, (failed, "Well?")),
    ) == [
        {"role": "assistant", "content": "Let me see.", "tool_calls": [ROME]},
        {"role": "tool", "tool_call_id": "call-1", "content": '"sunny"'},
        {"role": "assistant", "content": "", "tool_calls": [ROME]},
        {"role": "tool", "tool_call_id": "call-1", "content": "Error: no network"},
        {"role": "user", "content": "Well?"},
    ]


PDF = Inline("application/pdf", "UERG")


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        ((), ""),
        (("",), ""),
        (("One.", "Two."), "One.\n\nTwo."),
        (
            ("Look.", Picture(Address("https://pictures.example/1.png"))),
            [
                {"type": "text", "text": "Look."},
                {"type": "image_url", "image_url": {"url": "https://pictures.example/1.png"}},
            ],
        ),
        (
            (Picture(Inline("image/png", "iVBO")),),
            [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}],
        ),
        (
            (Audio(Inline("audio/mpeg", "SUQz")),),
            [{"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}}],
        ),
        (
            (Audio(Inline("audio/wav", "UklG")),),
            [{"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}],
        ),
        (
            (File("bill.pdf", PDF),),
            [{"type": "file", "file": {"filename": "bill.pdf", "file_data": "data:application/pdf;base64,UERG"}}],
        ),
    ],
    ids=["nothing", "an empty text", "texts", "a picture at its address", "a picture", "MP3", "WAV", "a document"],
)
def test_parts_are_one_text_where_they_are_texts_alone(parts: tuple[Part, ...], content: object) -> None:
    assert _messages(Turn(Role.USER, parts)) == [{"role": "user", "content": content}]
