"""The summarizer as a process: it waits for what it needs, says that it lives, and leaves cleanly."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.contracts import subjects
from shared.contracts.enums import EndedReason
from shared.messaging.connection import Connection
from shared.settings import NatsSettings
from support.eventually import eventually
from support.servers import database_name
from support.workers.environment import LOG, WorkerEnvironment
from support.workers.finished_run import FinishedRun

PATIENCE_SECONDS = 20
GOAL, LIMIT = EndedReason.GOAL, EndedReason.LIMIT


@asynccontextmanager
async def summarizer(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m summarizer`; killed at the end if it still runs."""
    told = {**os.environ, "AGENTWARS_SUMMARIZER_HEARTBEAT_SECONDS": "0.1", **environment}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "summarizer", env=told)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_process_says_that_it_lives_writes_a_report_and_leaves_on_sigterm(finished: FinishedRun) -> None:
    async with summarizer(finished.workers.process_environment) as process:
        beat = json.loads(await next_beat(finished.workers))
        assert (beat["service"], beat["pid"]) == ("summarizer", process.pid)
        async with finished.answering():
            await finished.reported(GOAL, LIMIT)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0


async def test_kill_in_the_middle_of_a_report_loses_nothing(finished: FinishedRun) -> None:
    await finished.play([GOAL, LIMIT])
    await hasten_redelivery(finished.workers)
    async with summarizer(finished.workers.process_environment) as process:
        await finished.ask()
        await eventually(finished.workers.broker.jobs, "the report's job")
        process.kill()
        await process.wait()
    async with summarizer(finished.workers.process_environment), finished.answering():
        await finished.ended()
    assert await finished.events() == ["report.ready", "progress", "run.ended"]
    assert len(finished.jobs) == 1


async def test_process_that_waits_for_its_streams_leaves_on_sigterm(fresh_nats_url: str, mongo_url: str) -> None:
    nowhere = {"AGENTWARS_NATS_URL": fresh_nats_url, "AGENTWARS_MONGO_URL": mongo_url}
    async with summarizer(nowhere | {"AGENTWARS_MONGO_DATABASE": database_name()}) as process:
        await process_waits(fresh_nats_url)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0


async def test_a_durable_that_is_gone_is_made_again(finished: FinishedRun) -> None:
    async with summarizer(finished.workers.process_environment):
        await next_beat(finished.workers)
        await finished.client.jetstream().delete_consumer(subjects.WORK, subjects.SUMMARIZER_DONE)
        async with finished.answering():
            await finished.reported(GOAL, LIMIT)


async def next_beat(workers: WorkerEnvironment) -> bytes:
    """The next heartbeat of a summarizer."""
    beats = await workers.client.subscribe(subjects.heartbeat("summarizer"))
    beat = await beats.next_msg(timeout=PATIENCE_SECONDS)
    await beats.unsubscribe()
    return beat.data


async def hasten_redelivery(workers: WorkerEnvironment) -> None:
    """What a dead process held comes again after a second instead of 15."""
    streams = workers.client.jetstream()
    for durable in (subjects.SUMMARIZER_REPORTS, subjects.SUMMARIZER_DONE):
        held = (await streams.consumer_info(subjects.WORK, durable)).config
        held.ack_wait = 1.0
        await streams.add_consumer(subjects.WORK, held)


async def process_waits(nats_url: str) -> None:
    """Returns once a summarizer is connected to a server without streams."""
    connection = Connection("watcher", NatsSettings(nats_url=nats_url), LOG)
    client = await connection.open()
    asked = await client.subscribe("$JS.API.STREAM.INFO.>")
    await asked.next_msg(timeout=PATIENCE_SECONDS)
    await asked.unsubscribe()
    await connection.close()
