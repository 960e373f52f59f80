"""Each way a provider fails, and each way a call is closed: what is booked, stored and said."""

import asyncio
import time
from typing import Any

import orjson
import pytest

from llm_runner.settings import CallSettings
from shared.contracts import subjects
from shared.contracts.enums import Purpose, RunKind, Side, Wanted
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from support.builders import ANYBODY, ended, message, turn
from support.eventually import eventually
from support.workers.broker import fields
from support.workers.environment import WorkerEnvironment


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
    workers: WorkerEnvironment, fault: str, code: str, tokens: bool, attempts: int
) -> None:
    played = await workers.played(model=f"demo-fast+{fault}")
    (done,) = await workers.broker.dones()
    assert sorted(row.id for row in played.rows) == sorted(fields(await workers.calls_made(), "clientRequestId"))
    assert {row.outcome for row in played.rows} == {"failed"}
    assert len(played.rows) == attempts
    assert all((row.usage.prompt_tokens > 0) is tokens for row in played.rows)
    assert played.failure.code == done["failure"]["code"] == code
    assert fields(await workers.broker.dead_letters(), "key") == [played.generations[0].id]
    assert played.entries == []


async def test_the_text_of_a_failed_attempt_is_discarded_and_the_next_counts(workers: WorkerEnvironment) -> None:
    played = await workers.played(model="demo-fast+once-500")
    assert played.entry.attempt_number == 2
    assert played.types == ["attempt.started", "attempt.discarded", "attempt.started", "message"]
    assert played.facts[1]["next"] == "retry"


async def test_a_short_retry_after_waits_in_the_queue(workers: WorkerEnvironment) -> None:
    began = time.monotonic()
    assert len((await workers.played(model="demo-fast+once-429")).entries) == 1
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("model", ["demo-fast+nonsense", "gone"], ids=["of no entry", "of no provider"])
async def test_a_model_that_is_not_there_is_not_tried_again(workers: WorkerEnvironment, model: str) -> None:
    models = workers.registry.providers["demo"].models
    await workers.change_demo(models=models | {"gone": models["demo-fast"]})
    played = await workers.played(model=model)
    assert played.failure.code == "invalid_model"
    assert [row.usage.cost_nanos for row in played.rows] == [0] * (model == "gone")


async def test_a_missing_key_names_its_variable(workers: WorkerEnvironment) -> None:
    await workers.change_demo(key_variable="DEMO_TEST_API_KEY")
    failure = (await workers.played()).failure
    assert (failure.code, "DEMO_TEST_API_KEY" in failure.message) == ("provider_error", True)


async def test_a_provider_that_is_away_costs_nothing(workers: WorkerEnvironment) -> None:
    await workers.change_demo(base_url="http://127.0.0.1:9/v1")
    rows = (await workers.played()).rows
    assert [(row.outcome, row.usage.cost_nanos) for row in rows] == [("failed", 0)] * 3


async def _slow(workers: WorkerEnvironment, seq: int = 1, **fields: Any) -> Run:
    """A turn that takes 30 seconds, asked for; what it needs stands."""
    begun = await workers.begin(kind=RunKind.BATTLE)
    if seq == 2:
        await workers.store.entries.insert(message(begun.conversation_id(1), 1))
    workers.calls = CallSettings()
    await workers.model.control(totalSeconds=30, wordsPerChunk=1)
    await workers.ask(turn(begun, seq, **fields))
    return begun


async def _streams(workers: WorkerEnvironment, of: Run, beyond: int = 0) -> None:
    """Returns when more deltas than so many have come."""

    async def came() -> bool:
        return len(await workers.broker.deltas(of.id)) > beyond

    await eventually(came, f"text of {of.id}")


async def _cancel(workers: WorkerEnvironment, of: Run, **fields: object) -> None:
    await workers.client.publish(subjects.control(of.id), orjson.dumps({"wanted": "cancel", **fields}))


async def test_a_cancel_closes_the_call_within_a_second(workers: WorkerEnvironment) -> None:
    begun = await _slow(workers)
    async with workers.runner():
        await _streams(workers, begun)
        await workers.store.runs.set_wanted(ANYBODY, begun.id, Wanted.CANCEL, 1, now())
        began = time.monotonic()
        await _cancel(workers, begun)
        (call,) = await workers.calls_made()
        assert time.monotonic() - began < 1
        await workers.broker.no_jobs()
    played = await workers.record(begun)
    assert call["outcome"] == "client_closed"
    assert (played.row.outcome, played.row.estimated) == ("canceled", True)
    assert played.row.partial
    assert played.row.partial.startswith(played.text)
    assert played.entries == []
    assert len(await workers.broker.dones()) == 1


async def test_a_canceled_runs_job_makes_no_call(workers: WorkerEnvironment) -> None:
    begun = await workers.asked()
    await workers.store.runs.set_wanted(ANYBODY, begun.id, Wanted.CANCEL, 1, now())
    await workers.worked(begun)
    assert await workers.calls_made() == []
    assert len(await workers.broker.dones()) == 1


async def test_a_cancel_of_another_conversation_changes_nothing(workers: WorkerEnvironment) -> None:
    begun = await _slow(workers)
    async with workers.runner():
        await _streams(workers, begun)
        await _cancel(workers, begun, conversationId=begun.conversation_id(2))
        await _streams(workers, begun, len(await workers.broker.deltas(begun.id)) + 1)
        await _cancel(workers, begun)
        await workers.broker.no_jobs()


async def test_a_stopped_answer_is_what_had_come(workers: WorkerEnvironment) -> None:
    begun = await _slow(workers, 2, purpose=Purpose.ASSIST, side=Side.AGENT)
    async with workers.runner():
        await _streams(workers, begun)
        await workers.client.publish(subjects.control(begun.id), b'{"wanted":"stop","seq":2}')
        await workers.broker.no_jobs()
    played = await workers.record(begun)
    answer = played.entries[1]
    assert answer.finish_reason == "stopped"
    assert answer.content
    assert answer.content.startswith(played.text)


async def test_a_call_whose_place_is_taken_is_closed_by_the_heartbeat(workers: WorkerEnvironment) -> None:
    begun = await _slow(workers, 2, purpose=Purpose.ASSIST, side=Side.AGENT)
    async with workers.runner():
        await _streams(workers, begun)
        await workers.store.entries.insert(ended(begun.conversation_id(1), 2))
        async with asyncio.timeout(6):
            await workers.broker.no_jobs()
    assert (await workers.record(begun)).row.outcome == "beaten"
    assert "usage.appeared" in fields(await workers.broker.dones(), "type")


async def test_a_chat_out_of_attempts_gets_an_answer_that_says_error(workers: WorkerEnvironment) -> None:
    begun = await workers.asked(2, model="demo-fast+500", purpose=Purpose.CHAT, side=Side.AGENT)
    await workers.store.entries.insert(message(begun.conversation_id(1), 1))
    played = await workers.worked(begun)
    assert (played.entries[1].finish_reason, played.entries[1].content) == ("error", "")
    assert played.types[-1] == "message"
