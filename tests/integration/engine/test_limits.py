"""Limits of time and money on the real engine: what ends a conversation, and what a call may do until then."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from llm_runner.settings import CallSettings
from shared.cancellation import cancel_all
from shared.contracts.enums import EndedReason, RunStatus
from shared.contracts.runs import Run
from support.builders import run, scenario
from support.eventually import eventually
from support.workers.orchestrator import Orchestrator

SLOW_SECONDS = 30.0
TIME_SECONDS = 2.0
"""Time enough for a busy machine to begin its calls."""


@pytest.fixture(autouse=True)
async def sweeping(orchestrator: Orchestrator) -> AsyncIterator[None]:
    """Often, for deadlines."""

    async def sweep() -> None:
        while True:
            await asyncio.sleep(orchestrator.settings.sweep_period_seconds)
            await orchestrator.sweeper.sweep()

    task = asyncio.create_task(sweep())
    yield
    assert await cancel_all([task])


def limited_to(seconds: float, of: Run) -> Run:
    """The run with a time limit of its own."""
    return of.model_copy(update={"settings": of.settings.model_copy(update={"time_limit_seconds": seconds})})


async def test_time_that_is_up_ends_every_conversation_and_closes_its_call(orchestrator: Orchestrator) -> None:
    """Of the run, and of the conversation: of those the first one's third never began, and nothing was asked for it."""
    orchestrator.workers.calls = CallSettings()
    await orchestrator.workers.model.control(totalSeconds=SLOW_SECONDS, wordsPerChunk=1)
    began = time.monotonic()
    async with orchestrator.workers.runner():
        short_run = await orchestrator.start(limited_to(TIME_SECONDS, run(total=3, concurrency=2)))
        limited = scenario(time_limit_seconds=TIME_SECONDS)
        short_talks = await orchestrator.start(run(total=3, concurrency=2, played=limited))
        ended = [await orchestrator.ended(one.id) for one in (short_run, short_talks)]
        assert time.monotonic() - began < SLOW_SECONDS / 2
    for one, asked in zip(ended, (2, 3), strict=True):
        assert one.status is RunStatus.COMPLETE
        assert [end.ended_reason for end in await orchestrator.ends(one)] == [EndedReason.TIMEOUT] * 3
        rows = await orchestrator.store.usage.of_run(one.id)
        assert ([row.outcome for row in rows], all(row.partial for row in rows)) == (["beaten"] * asked, True)
    assert [call["outcome"] for call in await orchestrator.workers.calls_made()] == ["client_closed"] * 5


async def test_a_generation_past_its_time_is_tried_again_and_then_ends_its_conversation(
    orchestrator: Orchestrator,
) -> None:
    orchestrator.workers.calls = CallSettings(
        call_first_token_seconds=0.9, call_between_tokens_seconds=0.9, call_total_seconds=1.0
    )
    await orchestrator.workers.model.control(totalSeconds=10, wordsPerChunk=1)
    async with orchestrator.workers.runner():
        started = await orchestrator.start(run())
        ended = await orchestrator.ended(started.id)
    (end,) = await orchestrator.ends(started)
    assert (ended.status, end.ended_reason) == (RunStatus.FAILED, EndedReason.ERROR)
    assert end.error is not None
    assert (end.error.code, "not finished within 1 s" in end.error.message) == ("provider_timeout", True)
    calls = await orchestrator.workers.calls_made()
    assert [call["outcome"] for call in calls] == ["client_closed"] * 3
    assert all(call["endedAt"] - call["startedAt"] < 2 for call in calls)


async def test_a_budget_is_not_overspent_by_what_is_in_flight(orchestrator: Orchestrator) -> None:
    budget = 3_000_000
    await orchestrator.workers.model.control(totalSeconds=0.05)
    async with orchestrator.workers.runner():
        started = await orchestrator.start(run(total=12, concurrency=12, played=scenario(25), budget_nanos=budget))
        async with asyncio.timeout(20):
            watched = await _spent_until_the_end(orchestrator, started)
        ended = await orchestrator.ended(started.id)
    assert all(spent + reserved <= budget for spent, reserved in watched)
    assert any(reserved > 0 for _, reserved in watched)
    assert EndedReason.BUDGET in {end.ended_reason for end in await orchestrator.ends(started)}
    model = orchestrator.workers.registry.providers["demo"].models["demo-fast"]
    calls = await orchestrator.workers.calls_made()
    paid = sum(model.cost_nanos(call["promptTokens"], call["completionTokens"]) for call in calls)
    assert 0 < paid == ended.budget.spent <= budget


async def _spent_until_the_end(orchestrator: Orchestrator, of: Run) -> list[tuple[int, int]]:
    """(spent, reserved) of a run, looked at again and again until it has ended."""
    seen: list[tuple[int, int]] = []

    async def over() -> bool:
        standing = await orchestrator.run(of.id)
        seen.append((standing.budget.spent, standing.budget.open))
        return standing.ended_at is not None

    await eventually(over, f"the end of {of.id}")
    return seen
