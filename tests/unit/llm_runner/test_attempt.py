"""One call: what it leaves, also when it breaks off."""

import pytest
import structlog

from llm_runner.attempt import Attempt
from llm_runner.call_deadline import CallDeadline, CallLimits
from llm_runner.deltas import DeltaPublisher
from llm_runner.providers.provider import Chunk, ProviderFailure, TokenCount
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import FinishReason, Purpose
from support.builders import job, run
from unit.llm_runner.doubles import FakeClient, ScriptedProvider
from unit.llm_runner.prompts import plain_prompt

PROMPT = plain_prompt("x" * 40)
CUT = ProviderFailure(Family.CUT, "cut")
HELLO = [Chunk("Hel"), Chunk("lo"), Chunk("", FinishReason.STOP)]


async def _attempt(*script: Chunk | Exception) -> Attempt:
    attempt = Attempt(ScriptedProvider(script), "demo-fast", PROMPT, 1)
    await attempt.call(CallDeadline("demo", CallLimits(5, 5, 5)), None)
    return attempt


async def test_the_providers_own_count_is_booked() -> None:
    attempt = await _attempt(*HELLO, Chunk(tokens=TokenCount(30, 20)))
    assert (attempt.text, attempt.finish_reason, attempt.estimated) == ("Hello", "stop", False)
    assert (attempt.usage.prompt_tokens, attempt.usage.completion_tokens, attempt.usage.cost_nanos) == (30, 20, 50_000)


async def test_without_a_count_tokens_are_estimated_by_length() -> None:
    attempt = await _attempt(*HELLO)
    assert attempt.estimated
    assert (attempt.usage.prompt_tokens, attempt.usage.completion_tokens) == (10, 2)


async def test_an_answer_that_was_whole_survives_what_follows_it() -> None:
    assert (await _attempt(*HELLO, CUT)).text == "Hello"


@pytest.mark.parametrize("script", [[Chunk("Hel"), CUT], [CUT], [Chunk("", FinishReason.STOP)]])
async def test_a_broken_or_empty_answer_is_a_failure(script: list[Chunk | Exception]) -> None:
    with pytest.raises(ProviderFailure):
        await _attempt(*script)


async def test_a_call_that_never_began_has_cost_nothing() -> None:
    assert Attempt(ScriptedProvider([]), "demo-fast", PROMPT, 1).usage.cost_nanos == 0


async def test_each_text_is_published_under_the_next_number() -> None:
    client, begun = FakeClient(), run()
    publisher = DeltaPublisher(client, structlog.get_logger("test"))
    deltas = publisher.attempt(job(f"{begun.id}-1", 1, Purpose.TURN), f"{begun.id}-1", "a1")
    for text in ("one ", 'two thr"ee'):
        deltas.add(text)
    shown = [client.json(number) for number in range(2)]
    assert [(one["i"], one["text"]) for one in shown] == [(0, "one "), (1, 'two thr"ee')]
    assert {one["type"] for one in shown} == {"delta"}
    assert shown[0].keys() == shown[1].keys() >= {"runId", "conversationId", "seq", "purpose", "attempt", "at"}
