"""Tool calls, put together from pieces as providers send them."""

import pytest

from llm_runner.attempt import Attempt
from llm_runner.call_deadline import CallDeadline, CallLimits
from llm_runner.providers.provider import Chunk, ProviderFailure, ToolCallDelta
from llm_runner.tool_calls import MOST_CHARACTERS, MOST_TOOL_CALLS, ToolCallReader
from shared.contracts.enums import FinishReason
from shared.contracts.transcript import ToolCall
from unit.llm_runner.doubles import ScriptedProvider
from unit.llm_runner.prompts import plain_prompt

PROMPT = plain_prompt("hello")
END = Chunk("", FinishReason.TOOL_CALLS)


def pieces(*deltas: ToolCallDelta) -> Chunk:
    return Chunk(tool_calls=deltas)


async def attempted(*script: Chunk) -> Attempt:
    attempt = Attempt(ScriptedProvider(script), "demo-fast", PROMPT, 1)
    await attempt.call(CallDeadline("demo", CallLimits(5, 5, 5)), None)
    return attempt


def read(*deltas: ToolCallDelta) -> tuple[ToolCall, ...]:
    reader = ToolCallReader("attempt")
    for delta in deltas:
        reader.add(delta)
    return reader.calls("demo")


async def test_an_answer_of_tool_calls_alone_is_an_answer() -> None:
    attempt = await attempted(
        pieces(ToolCallDelta(0, "one", "weather", '{"city"')), pieces(ToolCallDelta(0, arguments=': "Rome"}')), END
    )
    assert attempt.tool_calls == (ToolCall(id="one", name="weather", input='{"city": "Rome"}'),)
    assert (attempt.text, attempt.finish_reason) == ("", "tool-calls")
    assert attempt.ttft_ms is not None
    assert attempt.usage.completion_tokens > 0


async def test_arguments_that_are_cut_off_are_a_failure_that_is_tried_again() -> None:
    with pytest.raises(ProviderFailure) as failed:
        await attempted(pieces(ToolCallDelta(0, "one", "weather", '{"city"')), Chunk("", FinishReason.LENGTH))
    assert failed.value.retryable


def test_calls_side_by_side_are_told_apart_by_index() -> None:
    found = read(
        ToolCallDelta(0, "one", "weather", "{"),
        ToolCallDelta(1, "two", "clock"),
        ToolCallDelta(0, arguments="}"),
    )
    assert [(call.id, call.name, call.input) for call in found] == [("one", "weather", "{}"), ("two", "clock", "{}")]


def test_an_id_that_is_repeated_with_every_piece_is_one_call() -> None:
    (call,) = read(ToolCallDelta(0, "one", "weather", "{"), ToolCallDelta(0, "one", None, "}"))
    assert call.input == "{}"


def test_calls_without_ids_get_some() -> None:
    found = read(ToolCallDelta(0, None, "weather"), ToolCallDelta(1, None, "clock"))
    assert [call.id for call in found] == ["call-attempt-0", "call-attempt-1"]


@pytest.mark.parametrize(
    "deltas",
    [
        [ToolCallDelta(0, "one", None, "{}")],
        [ToolCallDelta(0, "one", "weather", "[1]")],
        [ToolCallDelta(number, str(number), "weather") for number in range(MOST_TOOL_CALLS + 1)],
        [ToolCallDelta(0, "one", "weather", " " * (MOST_CHARACTERS + 1))],
    ],
    ids=["no name", "arguments that are no object", "too many", "too long"],
)
def test_a_call_that_cannot_be_kept_is_a_failure(deltas: list[ToolCallDelta]) -> None:
    with pytest.raises(ProviderFailure):
        read(*deltas)
