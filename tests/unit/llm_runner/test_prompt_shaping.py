"""Turns as every target takes them (RQ-05..09), and JSON and stops that a target does not know."""

# ruff: noqa: E501

from dataclasses import replace
from typing import Any

import orjson
import pytest

from llm_runner.providers.dialects.openai_chat.request import request_body
from llm_runner.providers.json_answers import ObjectInText
from llm_runner.providers.local_stops import LocalStops
from llm_runner.providers.prompt import Address, JsonFormat, Part, Picture, Prompt, Role, Thought, Turn
from llm_runner.providers.prompt_shaping import BEGIN, GO_ON, shaped
from llm_runner.providers.provider import Chunk
from llm_runner.providers.target import AnswerFormatStep, Quirks
from shared.contracts.enums import FinishReason
from shared.contracts.transcript import ToolCall, ToolResult
from unit.llm_runner.prompts import plain_prompt, target

CALL = ToolCall(id="c", name="f", input="{}", beside='{"extra_content":{"google":{"thought_signature":"S"}}}')
GAVE = ToolResult(tool_call_id="c", output="1")
PICTURE = Picture(Address("https://p/1.png"))


def user(*parts: Part, name: str | None = None) -> Turn:
    return Turn(Role.USER, parts, name)


def model(*parts: Part) -> Turn:
    return Turn(Role.ASSISTANT, parts)


def _shaped(*turns: Turn, quirks: Quirks | None = None) -> list[Turn]:
    asked = target("m", quirks)
    once = shaped(replace(plain_prompt(), turns=turns), asked)
    assert shaped(once, asked) == once
    return [*once.turns]


@pytest.mark.parametrize(
    ("number", "turns", "expected"),
    [
        ("RQ-06", [user("A"), user("B"), model("x"), model("y"), user("C")], [user("A\n\nB"), model("x\n\ny"), user("C")]),
        ("RQ-06 pictures", [user("A", PICTURE), user("B")], [user("A", PICTURE, "B")]),
        ("RQ-06 tools", [user("A"), model(CALL), user(GAVE), user("B")], [user("A"), model(CALL), user(GAVE, "B")]),
        ("RQ-07 first", [model("x"), user("A")], [BEGIN, model("x"), user("A")]),
        ("RQ-07 nothing", [], [BEGIN]),
        ("RQ-08 blank", [user("A"), model(" \n"), user("B")], [user("A\n\nB")]),
        ("RQ-08 a blank part", [user(" ", "A", "")], [user("A")]),
        ("RQ-08 the end", [user("A"), model("x \n")], [user("A"), model("x")]),
        ("RQ-09", [user("A", name="ann"), user("B", name="bob")], [user("ann: A\n\nbob: B")]),
        ("RQ-09 a name with a line break", [user("A", name="an\n n")], [user("an n: A")]),
        ("RQ-09 a picture", [user(PICTURE, name="ann")], [user("ann:", PICTURE)]),
        ("RQ-09 the model", [user("A"), Turn(Role.ASSISTANT, ("x",), "clerk"), user("B")], [user("A"), model("x"), user("B")]),
        ("RQ-10", [user("A"), model(Thought("other", "m", "{}"), "x"), user("B")], [user("A"), model("x"), user("B")]),
        ("RQ-10 thoughts alone", [user("A"), model(Thought("demo", "m", "{}")), user("B")], [user("A\n\nB")]),
    ],
)  # fmt: skip
def test_turns_alternate(number: str, turns: list[Turn], expected: list[Turn]) -> None:
    assert _shaped(*turns) == expected, number


def test_rq_07_a_target_that_needs_it_gets_a_user_at_the_end() -> None:
    assert _shaped(user("A"), model("x"), quirks=Quirks(ends_with_user=True))[-1] == GO_ON


def _body(prompt: Prompt, **quirks: Any) -> dict[str, Any]:
    asked = target("m", Quirks(**quirks))
    body: dict[str, Any] = orjson.loads(request_body(asked, shaped(prompt, asked)))
    return body


def test_rq_01_the_bound_goes_by_another_name_or_none() -> None:
    renamed = (("max_tokens", "max_completion_tokens"),)
    assert _body(plain_prompt(), renamed=renamed)["max_completion_tokens"] == 9
    assert _body(plain_prompt(), without=frozenset({"max_tokens"}))["max_completion_tokens"] == 9
    assert _body(plain_prompt(), renamed=renamed, without=frozenset({"max_completion_tokens"}))["max_tokens"] == 9
    both = frozenset({"max_tokens", "max_completion_tokens"})
    assert not both & _body(plain_prompt(), without=both).keys()


def test_rq_03_and_er_14_what_is_not_taken_is_not_sent() -> None:
    assert "stream_options" not in _body(plain_prompt(), without=frozenset({"stream_options"}))
    body = _body(plain_prompt(), streams=False)
    assert (body["stream"], "stream_options" in body) == (False, False)


def test_rq_04_each_step_promises_less_and_asks_for_more() -> None:
    schema = {"type": "object"}
    asked = replace(plain_prompt(), answer_format=JsonFormat(schema))
    formats = [_body(asked, answer_format=step).get("response_format") for step in AnswerFormatStep]
    assert formats == [
        {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
        {"type": "json_object"},
        None,
    ]
    for step in (AnswerFormatStep.OBJECT, AnswerFormatStep.TEXT):
        assert '{"type":"object"}' in str(_body(asked, answer_format=step)["messages"])
    plain = replace(asked, answer_format=JsonFormat())
    assert "JSON" in str(_body(plain)["messages"])
    said = replace(plain, system="Write json.")
    assert _body(said)["messages"] == _body(replace(said, answer_format=None))["messages"]


def test_rq_05_instructions_go_into_the_first_message() -> None:
    asked = replace(plain_prompt(), system="Be kind.")
    assert _body(asked, reads_system=False)["messages"] == [{"role": "user", "content": "Be kind.\n\nHi"}]


def test_rq_10_reasoning_is_said_where_it_is_missed() -> None:
    own = Thought("demo", "m", '{"reasoning_content":"because"}')
    asked = replace(plain_prompt(), turns=(user("A"), model(own, "x"), user("B"), model("y"), user("C")))
    assert "reasoning_content" not in str(_body(asked))
    messages = _body(asked, replays_reasoning=True)["messages"]
    assert [message.get("reasoning_content") for message in messages] == [None, "because", None, " ", None]


def test_rq_11_stops_are_cut() -> None:
    asked = replace(plain_prompt(), sampling=replace(plain_prompt().sampling, stop=("", "a", "b", "c")))
    assert _body(asked, most_stops=2)["stop"] == ["a", "b"]
    assert "stop" not in _body(asked, most_stops=0)


def test_tc_11_and_gm_05_ids_are_mapped_and_members_echoed() -> None:
    asked = replace(plain_prompt(), turns=(user("A"), model(CALL), user(GAVE)))
    _, called, gave = _body(asked, tool_id_length=9)["messages"]
    assert called["tool_calls"][0]["id"] == gave["tool_call_id"]
    assert len(gave["tool_call_id"]) == 9
    assert gave["tool_call_id"].isalnum()
    assert called["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "S"}}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a":1}', '{"a":1}'),
        ('Here it is:\n```json\n{"a":"}\\"{"}\n```\nBye {x}', '{"a":"}\\"{"}'),
        ('{"a":[{"b":"\\\\"}]} trailing', '{"a":[{"b":"\\\\"}]}'),
        ("no object", "no object"),
        ('{"a":', '{"a":'),
    ],
)
def test_rq_04_an_object_is_taken_out_of_a_text_wherever_it_is_cut(text: str, found: str) -> None:
    for place in range(len(text) + 1):
        taken: list[Chunk] = []
        reader = ObjectInText(taken.append)
        for piece in (text[:place], text[place:]):
            reader.take(Chunk(piece))
        reader.take(Chunk("", FinishReason.STOP))
        assert "".join(chunk.text for chunk in taken) == found


@pytest.mark.parametrize(
    ("text", "found", "finish"),
    [
        ("one END two", "one ", FinishReason.STOP),
        ("one EN two", "one EN two", FinishReason.LENGTH),
        ("one EN", "one EN", FinishReason.LENGTH),
        ("END", "", FinishReason.STOP),
        ("a\n\nb", "a", FinishReason.STOP),
    ],
)
def test_rq_11_a_stop_that_was_not_sent_ends_the_text_wherever_it_is_cut(
    text: str, found: str, finish: FinishReason
) -> None:
    for place in range(len(text) + 1):
        taken: list[Chunk] = []
        reader = LocalStops(["END", "\n\n"], taken.append)
        for piece in (text[:place], text[place:]):
            reader.take(Chunk(piece))
        reader.take(Chunk("", FinishReason.LENGTH))
        assert "".join(chunk.text for chunk in taken) == found
        assert taken[-1].finish_reason is finish
