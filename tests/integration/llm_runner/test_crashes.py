"""Servers and runners that die, freeze or forget: no message is missing or doubled, and no call is made in vain."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from integration.llm_runner.world import World, names, turn, world
from llm_runner.settings import CallSettings
from local_stack.finder import Binary, find_nats
from local_stack.processes import Process
from local_stack.servers import MongoServer, NatsServer
from shared.contracts import subjects
from shared.contracts.enums import Lane, Purpose, Side
from shared.contracts.identity import conversation_id
from shared.contracts.runs import Run
from shared.run_endings import total_usage
from shared.settings import NatsSettings
from shared.topology.bootstrap import bootstrap
from shared.topology.streams import ack_wait
from support.builders import message
from support.eventually import eventually
from support.servers import own_connection


@pytest.fixture
async def engine(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[World]:
    async with world(fresh_nats_url, mongo_url) as made:
        made.calls = CallSettings()
        yield made


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


async def _in_flight(engine: World, calls: int = 1) -> bool:
    return int((await engine.model.ledger())["inFlight"]) == calls


async def _restart(server: NatsServer | MongoServer) -> None:
    server.process.kill()
    await asyncio.to_thread(server.process.wait, 5)
    server.process.start()
    await asyncio.to_thread(server.wait_ready)


async def test_a_broker_that_dies_during_a_call_costs_no_second_one(own_nats: NatsServer, mongo_url: str) -> None:
    async with world(own_nats.url, mongo_url) as engine:
        engine.calls = CallSettings()
        await engine.model.control(totalSeconds=1.0)
        one, two = await engine.begin(), await engine.begin()
        await engine.ask(turn(one))
        async with engine.runner():
            await eventually(lambda: _in_flight(engine))
            await _restart(own_nats)
            async with own_connection(own_nats.url) as engine.client:
                await engine.ask(turn(two))
                await engine.settled()
                assert (await engine.types(one.id)).count("message") == 1
                assert sorted(names(await engine.dones(), "runId")) == sorted([one.id, two.id])
        assert len(await engine.calls_made()) == 2


async def test_a_store_that_dies_during_a_call_costs_no_second_one(fresh_nats_url: str, own_mongo: MongoServer) -> None:
    async with world(fresh_nats_url, own_mongo.url) as engine:
        await engine.model.control(totalSeconds=0.5)
        begun = await engine.begin()
        await engine.ask(turn(begun))
        async with engine.runner():
            await eventually(lambda: _in_flight(engine))
            own_mongo.process.kill()
            await engine.model.settled_ledger()
            await _restart(own_mongo)
            await engine.settled()
        (entry,) = await engine.store.entries.transcript(conversation_id(begun.id, 1))
        assert names(await engine.calls_made(), "clientRequestId") == [entry.attempt]
        assert await engine.store.usage.of_run(begun.id) == []


async def test_a_durable_that_was_deleted_is_used_again_when_it_is_back(engine: World) -> None:
    await engine.model.control(totalSeconds=0)
    async with engine.runner():
        await engine.ask(turn(await engine.begin()))
        await engine.settled()
        stream = engine.client.jetstream()
        await stream.delete_consumer(subjects.WORK, subjects.lane_durable("demo", Lane.BATCH))
        await bootstrap(engine.client, engine.store, NatsSettings(), engine.registry)
        await engine.ask(turn(await engine.begin()))
        await engine.settled()
    assert len(await engine.calls_made()) == 2


@pytest.fixture
def process(engine: World, tmp_path: Path) -> Iterator[Process]:
    """A runner as a process of its own, which can be frozen and killed."""
    environment = {
        **os.environ,
        "AGENTWARS_NATS_URL": engine.nats_url,
        "AGENTWARS_MONGO_URL": engine.mongo_url,
        "AGENTWARS_MONGO_DATABASE": engine.store.database.name,
        "AGENTWARS_PROVIDERS": _providers(engine),
    }
    runner = Process("llm-runner", [sys.executable, "-m", "llm_runner"], environment, tmp_path / "llm-runner.log")
    runner.start()
    yield runner
    runner.kill()
    runner.wait(5)


def _providers(engine: World) -> str:
    shown = {
        name: provider.model_dump(mode="json", by_alias=True) for name, provider in engine.registry.providers.items()
    }
    return json.dumps(shown)


async def _answer_asked(engine: World) -> Run:
    """A live job, whose holder is replaced after 5 s of silence."""
    begun = await engine.begin()
    await engine.store.entries.insert(message(conversation_id(begun.id, 1), 1))
    await engine.model.control(totalSeconds=2.0)
    await engine.ask(turn(begun, 2, purpose=Purpose.ASSIST, side=Side.AGENT))
    await eventually(lambda: _in_flight(engine))
    return begun


async def _one_answer_all_costs_booked(engine: World, begun: Run) -> None:
    entries = await engine.store.entries.transcript(conversation_id(begun.id, 1))
    rows = await engine.store.usage.of_run(begun.id)
    calls = await engine.calls_made()
    assert [entry.seq for entry in entries] == [1, 2]
    assert {entry.attempt for entry in entries[1:]} | {row.id for row in rows} == set(names(calls, "clientRequestId"))
    assert (await engine.types(begun.id)).count("message") == 1
    assert total_usage(entries[1:], [], rows).completion_tokens > 0


async def test_a_killed_runners_job_is_finished_by_another(
    engine: World, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = await _answer_asked(engine)
    process.kill()
    monkeypatch.setenv("AGENTWARS_EXPECTED_OUTPUT_TOKENS", "123")
    async with engine.runner():
        await engine.settled()
    await _one_answer_all_costs_booked(engine, begun)
    (lost,) = await engine.store.usage.of_run(begun.id)
    assert (lost.outcome, lost.estimated, lost.usage.completion_tokens) == ("lost", True, 123)


async def test_a_killed_runners_call_is_booked_though_the_broker_forgot_that_it_had_the_job(
    engine: World, process: Process
) -> None:
    begun = await _answer_asked(engine)
    process.kill()
    durable = subjects.lane_durable("demo", Lane.LIVE)
    assert await engine.client.jetstream().delete_consumer(subjects.WORK, durable)
    await bootstrap(engine.client, engine.store, NatsSettings(), engine.registry)
    async with engine.runner():
        await engine.settled()
    await _one_answer_all_costs_booked(engine, begun)
    assert [row.outcome for row in await engine.store.usage.of_run(begun.id)] == ["lost"]


async def test_a_frozen_runner_that_wakes_up_changes_nothing(engine: World, process: Process) -> None:
    begun = await _answer_asked(engine)
    process.pause()
    async with engine.runner():
        # The broker may deliver once more to the frozen process, whose pull request it still holds.
        async with asyncio.timeout(2 * ack_wait(Lane.LIVE) + 6):
            await engine.settled()
        process.resume()
        await eventually(lambda: _booked(engine, begun, "beaten"))
    await _one_answer_all_costs_booked(engine, begun)
    assert len(await engine.dones()) == 1


async def _booked(engine: World, begun: Run, outcome: str) -> bool:
    return outcome in {row.outcome for row in await engine.store.usage.of_run(begun.id)}
