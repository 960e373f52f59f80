"""Servers and runners that die, freeze or forget: no message is missing or doubled, and no call is made in vain."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_runner.settings import CallSettings
from local_stack.finder import Binary, find_nats
from local_stack.processes import Process
from local_stack.servers import MongoServer, NatsServer
from shared.contracts import subjects
from shared.contracts.enums import Lane, Purpose, Side
from shared.contracts.runs import Run
from shared.run_endings import total_usage
from shared.topology.streams import ack_wait
from support.builders import message, turn
from support.eventually import eventually
from support.servers import own_connection
from support.workers.broker import fields
from support.workers.environment import WorkerEnvironment, worker_environment


@pytest.fixture
def own_nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A nats-server that the test may kill."""
    source = find_nats(os.environ)
    assert isinstance(source, Binary)
    server = NatsServer(source.path, tmp_path / "nats", tmp_path / "logs")
    server.process.start()
    server.wait_ready()
    yield server
    server.process.terminate(5)


@pytest.fixture
def own_mongo(mongod_binary: Path, tmp_path: Path) -> Iterator[MongoServer]:
    """A mongod that the test may kill."""
    server = MongoServer(mongod_binary, tmp_path / "mongo", tmp_path / "logs")
    server.process.start()
    server.wait_ready()
    yield server
    server.process.terminate(5)


async def _restart(server: NatsServer | MongoServer) -> None:
    server.process.kill()
    await asyncio.to_thread(server.process.wait, 5)
    server.process.start()
    await asyncio.to_thread(server.wait_ready)


async def test_a_broker_that_dies_during_a_call_costs_no_second_one(own_nats: NatsServer, mongo_url: str) -> None:
    async with worker_environment(own_nats.url, mongo_url) as workers:
        workers.calls = CallSettings()
        await workers.model.control(totalSeconds=1.0)
        one, two = await workers.asked(), await workers.begin()
        async with workers.runner():
            await eventually(workers.in_flight)
            await _restart(own_nats)
            async with own_connection(own_nats.url) as workers.client:
                await workers.ask(turn(two))
                await workers.broker.no_jobs()
                assert (await workers.broker.types(one.id)).count("message") == 1
                assert sorted(fields(await workers.broker.dones(), "runId")) == sorted([one.id, two.id])
        assert len(await workers.calls_made()) == 2


async def test_a_store_that_dies_during_a_call_costs_no_second_one(fresh_nats_url: str, own_mongo: MongoServer) -> None:
    async with worker_environment(fresh_nats_url, own_mongo.url) as workers:
        await workers.model.control(totalSeconds=0.5)
        begun = await workers.asked()
        async with workers.runner():
            await eventually(workers.in_flight)
            own_mongo.process.kill()
            await workers.model.settled_ledger()
            await _restart(own_mongo)
            await workers.broker.no_jobs()
        played = await workers.record(begun)
        assert fields(await workers.calls_made(), "clientRequestId") == [played.entry.attempt]
        assert played.rows == []


async def _forgotten(workers: WorkerEnvironment, lane: Lane) -> None:
    """The lane's durable is deleted, and made anew."""
    assert await workers.client.jetstream().delete_consumer(subjects.WORK, subjects.lane_durable("demo", lane))
    await workers.know()


async def test_a_durable_that_was_deleted_is_used_again_when_it_is_back(workers: WorkerEnvironment) -> None:
    async with workers.runner():
        await workers.asked()
        await workers.broker.no_jobs()
        await _forgotten(workers, Lane.BATCH)
        await workers.asked()
        await workers.broker.no_jobs()
    assert len(await workers.calls_made()) == 2


@pytest.fixture
def process(workers: WorkerEnvironment, tmp_path: Path) -> Iterator[Process]:
    """A runner as a process of its own, which can be frozen and killed; its calls may take their time."""
    workers.calls = CallSettings()
    runner = Process(
        "llm-runner",
        [sys.executable, "-m", "llm_runner"],
        {**os.environ, **workers.process_environment},
        tmp_path / "llm-runner.log",
    )
    runner.start()
    yield runner
    runner.kill()
    runner.wait(5)


async def _answer_asked(workers: WorkerEnvironment) -> Run:
    """A live job, whose holder is replaced after 5 s of silence."""
    begun = await workers.begin()
    await workers.store.entries.insert(message(begun.conversation_id(1), 1))
    await workers.model.control(totalSeconds=2.0)
    await workers.ask(turn(begun, 2, purpose=Purpose.ASSIST, side=Side.AGENT))
    await eventually(workers.in_flight)
    return begun


async def _one_answer_all_costs_booked(workers: WorkerEnvironment, begun: Run) -> None:
    played, calls = await workers.record(begun), await workers.calls_made()
    booked = {played.entries[1].attempt} | {row.id for row in played.rows}
    assert [entry.seq for entry in played.entries] == [1, 2]
    assert booked == set(fields(calls, "clientRequestId"))
    assert played.types.count("message") == 1
    assert total_usage(played.entries[1:], [], played.rows).completion_tokens > 0


@pytest.mark.parametrize("forgotten", [False, True], ids=["", "though the broker forgot that it had the job"])
async def test_a_killed_runners_call_is_booked_and_its_job_finished_by_another(
    workers: WorkerEnvironment, process: Process, monkeypatch: pytest.MonkeyPatch, forgotten: bool
) -> None:
    begun = await _answer_asked(workers)
    process.kill()
    if forgotten:
        await _forgotten(workers, Lane.LIVE)
    monkeypatch.setenv("AGENTWARS_EXPECTED_OUTPUT_TOKENS", "123")
    lost = (await workers.worked(begun)).row
    await _one_answer_all_costs_booked(workers, begun)
    assert (lost.outcome, lost.estimated, lost.usage.completion_tokens) == ("lost", True, 123)


async def test_a_frozen_runner_that_wakes_up_changes_nothing(workers: WorkerEnvironment, process: Process) -> None:
    begun = await _answer_asked(workers)
    process.pause()

    async def beaten() -> bool:
        return "beaten" in {row.outcome for row in (await workers.record(begun)).rows}

    async with workers.runner():
        # The broker may deliver once more to the frozen process, whose pull request it still holds.
        async with asyncio.timeout(2 * ack_wait(Lane.LIVE) + 6):
            await workers.broker.no_jobs()
        process.resume()
        await eventually(beaten)
    await _one_answer_all_costs_booked(workers, begun)
    assert len(await workers.broker.dones()) == 1
