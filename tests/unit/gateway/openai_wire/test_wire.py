"""OpenAI's wire format: what requests become, and what answers and errors look like."""

import json
from typing import Any

import pytest

from gateway.answers.answer_events import Answered, Closed, Opened, TextDelta, escaped
from gateway.errors import ApiError, ContextTooLong
from gateway.http.error_shapes import openai_error, openai_status
from gateway.openai_wire.answers import CompletionChunks, completion
from gateway.openai_wire.requests import CompletionBody
from gateway.openai_wire.run_settings import completion_settings
from gateway.settings import GatewaySettings
from gateway.single_answers.runs import answer_run
from shared.contracts.enums import RunKind, Side
from shared.contracts.runs import Run
from shared.contracts.settings import ConversationSettings
from shared.routing import UnknownModel
from support.callers import caller
from support.gateway.app import CASTING, ROUTER

CALL = {"id": "c1", "type": "function", "function": {"name": "find_order", "arguments": '{"id":7}'}}
USER = {"role": "user", "content": "Where is my kettle?"}


def run_of(**fields: Any) -> Run:
    body = CompletionBody.model_validate({"model": "demo/demo-fast", "messages": [USER]} | fields)
    return answer_run(completion_settings(body, CASTING, GatewaySettings()), caller())


def scenario_of(**fields: Any) -> ConversationSettings:
    return run_of(**fields).settings.scenarios[0]


def answered(content: str, **fields: Any) -> Answered:
    usage = {"promptTokens": 3, "completionTokens": 2, "costUsd": 0.1}
    return Answered(99, {"content": content, "attempt": "a", "finishReason": "stop"} | usage | fields)


def test_history_is_given_and_system_messages_are_the_prompt() -> None:
    scenario = scenario_of(
        messages=[
            {"role": "system", "content": "Be kind."},
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL, CALL | {"id": "c2"}]},
            {"role": "tool", "tool_call_id": "c1", "content": "lost"},
            {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "found"}]},
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "And?"}, {"type": "text", "text": "Where?"}]},
        ]
    )
    assert scenario.agent.system_prompt == "Be kind.\n\nBe brief."
    assert [(one.side, one.content) for one in scenario.given] == [
        (Side.OPPONENT, "Where is my kettle?"),
        (Side.AGENT, ""),
        (Side.OPPONENT, ""),
        (Side.OPPONENT, "And?\nWhere?"),
    ]
    assert [(call.id, call.name, call.input) for call in scenario.given[1].tool_calls] == [
        ("c1", "find_order", '{"id":7}'),
        ("c2", "find_order", '{"id":7}'),
    ]
    assert [(one.tool_call_id, one.output) for one in scenario.given[2].tool_results] == [
        ("c1", "lost"),
        ("c2", "found"),
    ]


def test_run_is_one_answer_that_nobody_pays_for_without_a_reader() -> None:
    run = run_of(temperature=0.2, max_completion_tokens=7, stop="END", user="me")
    scenario = run.settings.scenarios[0]
    assert (run.kind, scenario.message_limit, scenario.orphan_seconds) == (RunKind.ASSIST, 2, 0)
    assert run.expires_at is not None
    voice = scenario.agent
    assert (voice.provider, voice.model) == ("demo", "demo-fast")
    assert (voice.temperature, voice.max_tokens, voice.stop) == (0.2, 7, ("END",))


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("demo/demo-fast", "demo/demo-fast"),
        ("demo-standard", "demo/demo-standard"),
        ("fast", "demo/demo-fast"),
        ("standard", "demo/demo-standard"),
        ("other/big", "other/big"),
    ],
)
def test_model_is_named_in_three_ways(asked: str, meant: str) -> None:
    assert str(ROUTER.first(ROUTER.wish_of(asked))) == meant


@pytest.mark.parametrize("asked", ["nobody", "demo/nobody", "nobody/demo-fast", "/", "demo/"])
def test_unknown_model_is_none_of_them(asked: str) -> None:
    with pytest.raises(UnknownModel):
        ROUTER.routes(ROUTER.wish_of(asked))


def test_question_beyond_the_window_is_refused() -> None:
    with pytest.raises(ContextTooLong) as refused:
        run_of(messages=[{"role": "user", "content": "word " * 30_000}])
    assert refused.value.details["contextWindow"] == 32_000


def chunks(form: CompletionChunks, *events: Any) -> list[Any]:
    frames = (form.begin(0) + b"".join(form.write(event) for event in events)).decode().split("\n\n")
    data = [frame.removeprefix("data: ") for frame in frames if frame]
    return [one if one == "[DONE]" else json.loads(one) for one in data]


def test_stream_is_chunks_an_end_the_usage_and_done() -> None:
    run = run_of()
    form = CompletionChunks(run, includes_usage=True)
    told = chunks(
        form, Opened(1, "a", "demo", "demo-fast"), TextDelta(2, "a", 0, escaped("At sea")), answered("At sea.")
    )
    assert [chunk["choices"][0]["delta"] for chunk in told[:4]] == [
        {"role": "assistant", "content": ""},
        {"content": "At sea"},
        {"content": "."},
        {},
    ]
    assert told[3]["choices"][0]["finish_reason"] == "stop"
    assert (told[4]["choices"], told[4]["usage"]) == (
        [],
        {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    )
    assert told[5] == "[DONE]"
    assert {(chunk["id"], chunk["model"]) for chunk in told[:5]} == {(f"chatcmpl-{run.id}", "demo/demo-fast")}


def test_stream_without_usage_names_none() -> None:
    told = chunks(CompletionChunks(run_of(), includes_usage=False), answered("Hi"))
    assert len(told) == 4
    assert all("usage" not in chunk for chunk in told[:3])


def test_tool_calls_stand_in_both_shapes() -> None:
    asked = answered("", finishReason="tool-calls", toolCalls=[{"id": "c1", "name": "find_order", "input": "{}"}])
    wanted = {"id": "c1", "type": "function", "function": {"name": "find_order", "arguments": "{}"}}
    told = chunks(CompletionChunks(run_of(), includes_usage=False), asked)
    assert told[1]["choices"][0]["delta"] == {"tool_calls": [wanted | {"index": 0}]}
    assert told[2]["choices"][0]["finish_reason"] == "tool_calls"
    whole = completion(run_of(), asked)["choices"][0]
    assert (whole["message"]["tool_calls"], whole["message"]["content"]) == ([wanted], None)
    assert whole["finish_reason"] == "tool_calls"


def test_failure_inside_a_stream_is_openais_error_and_the_end() -> None:
    told = chunks(CompletionChunks(run_of(), includes_usage=True), Closed(9, "provider_timeout", "Too slow."))
    error = {"message": "Too slow.", "type": "server_error", "code": "provider_timeout", "param": None}
    assert told[1:] == [{"error": error}, "[DONE]"]


def test_refusal_stands_in_its_own_field() -> None:
    refused = answered("I can't.", finishReason="refusal")
    choice = completion(run_of(), refused)["choices"][0]
    assert (choice["message"]["content"], choice["message"]["refusal"]) == (None, "I can't.")
    assert choice["finish_reason"] == "stop"
    told = chunks(CompletionChunks(run_of(), includes_usage=False), refused)
    assert [one["choices"][0]["delta"] for one in told[1:-1]] == [{"content": "I can't."}, {"refusal": "I can't."}, {}]


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("content-filter", "content_filter"), ("content_filter", "content_filter"), ("unknown", "stop"), (None, "stop")],
)
def test_finish_reasons_are_openais(stored: str | None, shown: str) -> None:
    assert completion(run_of(), answered("Hi", finishReason=stored))["choices"][0]["finish_reason"] == shown


def test_failure_inside_a_stream_keeps_its_class() -> None:
    error = {"code": "provider_error", "message": "Too many.", "family": "rate_limit", "retryAfter": 7}
    told = chunks(CompletionChunks(run_of(), includes_usage=True), answered("", finishReason="error", error=error))
    kept = {"message": "Too many.", "type": "rate_limit_error", "code": "rate_limit_exceeded", "param": None}
    assert told[1:] == [{"error": kept}, "[DONE]"]


@pytest.mark.parametrize(
    ("code", "status", "shown", "kind", "named"),
    [
        ("invalid_model", 400, 404, "invalid_request_error", "model_not_found"),
        ("context_too_long", 400, 400, "invalid_request_error", "context_length_exceeded"),
        ("rate_limited", 429, 429, "rate_limit_error", "rate_limited"),
        ("budget_exceeded", 402, 402, "insufficient_quota", "budget_exceeded"),
        ("unavailable", 503, 503, "server_error", "unavailable"),
    ],
)
def test_errors_have_openais_names(code: str, status: int, shown: int, kind: str, named: str) -> None:
    error = openai_error(code, "No.", status)
    assert (openai_status(code, status), error["type"], error["code"]) == (shown, kind, named)


def test_every_error_of_ours_has_a_shape_there() -> None:
    kinds = [kind for kind in ApiError.__subclasses__() if hasattr(kind, "code")]
    assert len(kinds) > 10
    for kind in kinds:
        assert set(openai_error(kind.code, "No.", kind.status)) == {"message", "type", "code", "param"}
