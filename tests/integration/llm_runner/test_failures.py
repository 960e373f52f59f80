"""Each way a provider fails, and each way a call is closed: what is booked, stored and said."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from integration.llm_runner.world import World, names, turn, world
from llm_runner.settings import CallSettings
from shared.contracts import subjects
from shared.contracts.enums import Purpose, RunKind, Side, Wanted
from shared.contracts.identity import conversation_id
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from support.builders import ANYBODY, ended, message
from support.eventually import eventually


@pytest.fixture
async def engine(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[World]:
    async with world(fresh_nats_url, mongo_url) as made:
        yield made


async def _play(engine: World, model: str) -> Run:
    begun = await engine.begin()
    await engine.ask(turn(begun, model=model))
    async with engine.runner():
        await engine.settled()
    return begun


@pytest.mark.parametrize(
    ("fault", "code", "tokens", "attempts"),
    [
        ("500", "provider_error", False, 3),
        ("cut-5", "provider_error", True, 3),
        ("stall", "provider_timeout", True, 3),
        ("stall-0", "provider_timeout", True, 3),
        ("malformed", "provider_error", True, 2),
        ("empty", "provider_error", True, 1),
    ],
)
async def test_a_fault_is_tried_again_then_fails_the_generation(
    engine: World, fault: str, code: str, tokens: bool, attempts: int
) -> None:
    begun = await _play(engine, f"demo-fast+{fault}")
    rows = await engine.store.usage.of_run(begun.id)
    (failed,) = await engine.store.generations.of_run(begun.id)
    (done,) = await engine.dones()
    calls = await engine.calls_made()
    assert sorted(row.id for row in rows) == sorted(names(calls, "clientRequestId"))
    assert {row.outcome for row in rows} == {"failed"}
    assert len(rows) == attempts
    assert all((row.usage.prompt_tokens > 0) is tokens for row in rows)
    assert failed.failure is not None
    assert failed.failure.code == done["failure"]["code"] == code
    assert names(await engine.dead_letters(), "key") == [failed.id]
    assert await engine.store.entries.transcript(conversation_id(begun.id, 1)) == []


async def test_the_text_of_a_failed_attempt_is_discarded_and_the_next_counts(engine: World) -> None:
    begun = await _play(engine, "demo-fast+once-500")
    (entry,) = await engine.store.entries.transcript(conversation_id(begun.id, 1))
    facts = await engine.facts(begun.id)
    assert entry.attempt_number == 2
    assert names(facts, "type") == ["attempt.started", "attempt.discarded", "attempt.started", "message"]
    assert facts[1]["next"] == "retry"


async def test_a_short_retry_after_waits_in_the_queue(engine: World) -> None:
    began = time.monotonic()
    begun = await _play(engine, "demo-fast+once-429")
    assert time.monotonic() - began >= 1
    assert len(await engine.store.entries.transcript(conversation_id(begun.id, 1))) == 1


async def test_a_long_retry_after_is_scheduled_and_frees_the_slot(engine: World) -> None:
    await engine.model.control(faults=[{"fault": "once-429", "rate": 1, "retryAfterSeconds": 6}])
    began = time.monotonic()
    begun = await engine.begin()
    await engine.ask(turn(begun))
    async with engine.runner():
        await eventually(lambda: _scheduled(engine))
        await engine.settled()
    (entry,) = await engine.store.entries.transcript(conversation_id(begun.id, 1))
    assert entry.attempt_number == 2
    assert time.monotonic() - began >= 5


async def _scheduled(engine: World) -> bool:
    info = await engine.client.jetstream().stream_info("WORK", subjects_filter="later.>")
    return bool(info.state.subjects)


async def test_an_unknown_model_fails_at_once(engine: World) -> None:
    begun = await _play(engine, "demo-fast+nonsense")
    (failed,) = await engine.store.generations.of_run(begun.id)
    assert failed.failure is not None
    assert failed.failure.code == "invalid_model"
    assert await engine.store.usage.of_run(begun.id) == []


async def test_a_model_the_provider_does_not_have_is_not_tried_again(engine: World) -> None:
    provider = engine.registry.providers["demo"]
    models = {**provider.models, "gone": provider.models["demo-fast"]}
    demo = provider.model_copy(update={"models": models})
    engine.registry = engine.registry.model_copy(update={"providers": {"demo": demo}})
    begun = await _play(engine, "gone")
    (failed,) = await engine.store.generations.of_run(begun.id)
    (row,) = await engine.store.usage.of_run(begun.id)
    assert failed.failure is not None
    assert (failed.failure.code, row.usage.cost_nanos) == ("invalid_model", 0)


async def test_a_missing_key_names_its_variable(engine: World) -> None:
    demo = engine.registry.providers["demo"].model_copy(update={"key_variable": "DEMO_TEST_API_KEY"})
    engine.registry = engine.registry.model_copy(update={"providers": {"demo": demo}})
    begun = await _play(engine, "demo-fast")
    (failed,) = await engine.store.generations.of_run(begun.id)
    assert failed.failure is not None
    assert (failed.failure.code, "DEMO_TEST_API_KEY" in failed.failure.message) == ("provider_error", True)


async def test_a_provider_that_is_away_costs_nothing(engine: World) -> None:
    demo = engine.registry.providers["demo"].model_copy(update={"base_url": "http://127.0.0.1:9/v1"})
    engine.registry = engine.registry.model_copy(update={"providers": {"demo": demo}})
    begun = await _play(engine, "demo-fast")
    rows = await engine.store.usage.of_run(begun.id)
    assert [(row.outcome, row.usage.cost_nanos) for row in rows] == [("failed", 0)] * 3


async def _slow_turn(engine: World, **fields: Any) -> Run:
    """A turn that takes 30 seconds, asked for."""
    begun = await engine.begin(kind=RunKind.BATTLE)
    engine.calls = CallSettings()
    await engine.model.control(totalSeconds=30, wordsPerChunk=1)
    await engine.ask(turn(begun, **fields))
    return begun


async def _streams(engine: World, run_id: str) -> bool:
    return bool(await engine.deltas(run_id))


async def test_a_cancel_closes_the_call_within_a_second(engine: World) -> None:
    begun = await _slow_turn(engine)
    async with engine.runner():
        await eventually(lambda: _streams(engine, begun.id))
        await engine.store.runs.set_wanted(ANYBODY, begun.id, Wanted.CANCEL, 1, now())
        began = time.monotonic()
        await engine.client.publish(subjects.control(begun.id), b'{"wanted":"cancel"}')
        (call,) = await engine.calls_made()
        assert time.monotonic() - began < 1
        await engine.settled()
    (row,) = await engine.store.usage.of_run(begun.id)
    text = "".join(names(await engine.deltas(begun.id), "text"))
    assert call["outcome"] == "client_closed"
    assert (row.outcome, row.estimated) == ("canceled", True)
    assert row.partial
    assert row.partial.startswith(text)
    assert await engine.store.entries.transcript(conversation_id(begun.id, 1)) == []
    assert len(await engine.dones()) == 1


async def test_a_canceled_runs_job_makes_no_call(engine: World) -> None:
    begun = await engine.begin()
    await engine.store.runs.set_wanted(ANYBODY, begun.id, Wanted.CANCEL, 1, now())
    await engine.ask(turn(begun))
    async with engine.runner():
        await engine.settled()
    assert await engine.calls_made() == []
    assert len(await engine.dones()) == 1


async def test_a_cancel_of_another_conversation_changes_nothing(engine: World) -> None:
    begun = await _slow_turn(engine)
    async with engine.runner():
        await eventually(lambda: _streams(engine, begun.id))
        signal = {"wanted": "cancel", "conversationId": conversation_id(begun.id, 2)}
        await engine.client.publish(subjects.control(begun.id), orjson.dumps(signal))
        before = len(await engine.deltas(begun.id))
        await eventually(lambda: _more_than(engine, begun.id, before + 1))
        await engine.client.publish(subjects.control(begun.id), b'{"wanted":"cancel"}')
        await engine.settled()


async def _more_than(engine: World, run_id: str, count: int) -> bool:
    return len(await engine.deltas(run_id)) > count


async def test_a_stopped_answer_is_what_had_come(engine: World) -> None:
    begun = await _slow_turn(engine, seq=2, purpose=Purpose.ASSIST, side=Side.AGENT)
    conversation = conversation_id(begun.id, 1)
    await engine.store.entries.insert(message(conversation, 1))
    async with engine.runner():
        await eventually(lambda: _streams(engine, begun.id))
        await engine.client.publish(subjects.control(begun.id), b'{"wanted":"stop","seq":2}')
        await engine.settled()
    answer = (await engine.store.entries.transcript(conversation))[1]
    assert answer.finish_reason == "stopped"
    assert answer.content
    assert answer.content.startswith("".join(names(await engine.deltas(begun.id), "text")))


async def test_a_call_whose_place_is_taken_is_closed_by_the_heartbeat(engine: World) -> None:
    begun = await _slow_turn(engine, seq=2, purpose=Purpose.ASSIST, side=Side.AGENT)
    conversation = conversation_id(begun.id, 1)
    await engine.store.entries.insert(message(conversation, 1))
    async with engine.runner():
        await eventually(lambda: _streams(engine, begun.id))
        await engine.store.entries.insert(ended(conversation, 2))
        async with asyncio.timeout(6):
            await engine.settled()
    (row,) = await engine.store.usage.of_run(begun.id)
    assert row.outcome == "beaten"
    assert "usage.appeared" in names(await engine.dones(), "type")


async def test_a_chat_out_of_attempts_gets_an_answer_that_says_error(engine: World) -> None:
    begun = await engine.begin()
    conversation = conversation_id(begun.id, 1)
    await engine.store.entries.insert(message(conversation, 1))
    await engine.ask(turn(begun, 2, model="demo-fast+500", purpose=Purpose.CHAT, side=Side.AGENT))
    async with engine.runner():
        await engine.settled()
    answer = (await engine.store.entries.transcript(conversation))[1]
    assert (answer.finish_reason, answer.content) == ("error", "")
    assert (await engine.types(begun.id))[-1] == "message"
