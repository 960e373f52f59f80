"""Limits of time and money on the real engine: what ends a conversation, and what a call may do until then."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from integration.engine.world import Engine, engine_on
from llm_runner.settings import CallSettings
from shared.contracts.enums import EndedReason, RunStatus
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry
from support.builders import run, scenario
from support.eventually import eventually

SLOW_SECONDS = 30.0
TIME_SECONDS = 2.0
"""Time enough for a busy machine to begin its calls."""


@pytest.fixture
async def engine(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[Engine]:
    async with engine_on(fresh_nats_url, mongo_url, sweeps=True) as made:
        yield made


def limited_to(seconds: float, of: Run) -> Run:
    """The run with a time limit of its own."""
    return of.model_copy(update={"settings": of.settings.model_copy(update={"time_limit_seconds": seconds})})


async def endings(engine: Engine, of: Run) -> list[Entry]:
    return [entries[-1] for entries in await engine.stage.transcripts(of)]


async def test_time_that_is_up_ends_every_conversation_and_closes_its_call(engine: Engine) -> None:
    """Of the run, and of the conversation: of those the first one's third never began, and nothing was asked for it."""
    engine.world.calls = CallSettings()
    await engine.world.model.control(totalSeconds=SLOW_SECONDS, wordsPerChunk=1)
    began = time.monotonic()
    async with engine.world.runner():
        short_run = await engine.stage.start(limited_to(TIME_SECONDS, run(total=3, concurrency=2)))
        limited = scenario(time_limit_seconds=TIME_SECONDS)
        short_talks = await engine.stage.start(run(total=3, concurrency=2, played=limited))
        ended = [await engine.stage.ended(one.id) for one in (short_run, short_talks)]
        assert time.monotonic() - began < SLOW_SECONDS / 2
    for one, asked in zip(ended, (2, 3), strict=True):
        assert one.status is RunStatus.COMPLETE
        assert [end.ended_reason for end in await endings(engine, one)] == [EndedReason.TIMEOUT] * 3
        rows = await engine.stage.store.usage.of_run(one.id)
        assert ([row.outcome for row in rows], all(row.partial for row in rows)) == (["beaten"] * asked, True)
    assert [call["outcome"] for call in await engine.world.calls_made()] == ["client_closed"] * 5


async def test_a_generation_past_its_time_is_tried_again_and_then_ends_its_conversation(engine: Engine) -> None:
    engine.world.calls = CallSettings(
        call_first_token_seconds=0.9, call_between_tokens_seconds=0.9, call_total_seconds=1.0
    )
    await engine.world.model.control(totalSeconds=10, wordsPerChunk=1)
    async with engine.world.runner():
        started = await engine.stage.start(run())
        ended = await engine.stage.ended(started.id)
    (end,) = await endings(engine, started)
    assert (ended.status, end.ended_reason) == (RunStatus.FAILED, EndedReason.ERROR)
    assert end.error is not None
    assert (end.error.code, "not finished within 1 s" in end.error.message) == ("provider_timeout", True)
    calls = await engine.world.calls_made()
    assert [call["outcome"] for call in calls] == ["client_closed"] * 3
    assert all(call["endedAt"] - call["startedAt"] < 2 for call in calls)


async def test_a_budget_is_not_overspent_by_what_is_in_flight(engine: Engine) -> None:
    budget = 3_000_000
    await engine.world.model.control(totalSeconds=0.05)
    async with engine.world.runner():
        started = await engine.stage.start(run(total=12, concurrency=12, played=scenario(25), budget_nanos=budget))
        async with asyncio.timeout(20):
            watched = await _spent_until_the_end(engine, started)
        ended = await engine.stage.ended(started.id)
    assert all(spent + reserved <= budget for spent, reserved in watched)
    assert any(reserved > 0 for _, reserved in watched)
    assert EndedReason.BUDGET in {end.ended_reason for end in await endings(engine, started)}
    model = engine.world.registry.providers["demo"].models["demo-fast"]
    calls = await engine.world.calls_made()
    paid = sum(model.cost_nanos(call["promptTokens"], call["completionTokens"]) for call in calls)
    assert 0 < paid == ended.budget.spent <= budget


async def _spent_until_the_end(engine: Engine, of: Run) -> list[tuple[int, int]]:
    """(spent, reserved) of a run, looked at again and again until it has ended."""
    seen: list[tuple[int, int]] = []

    async def over() -> bool:
        standing = await engine.stage.run(of.id)
        seen.append((standing.budget.spent, standing.budget.open))
        return standing.ended_at is not None

    await eventually(over, f"the end of {of.id}")
    return seen
