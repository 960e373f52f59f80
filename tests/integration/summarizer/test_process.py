"""The summarizer as a process: it waits for what it needs, says that it lives, and leaves cleanly."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from integration.summarizer.world import LOG, World, draft, scale_test, world
from shared.contracts import subjects
from shared.contracts.enums import EndedReason
from shared.contracts.identity import new_id
from shared.messaging.connection import Connection
from shared.settings import NatsSettings

PATIENCE_SECONDS = 20
GOAL, LIMIT = EndedReason.GOAL, EndedReason.LIMIT


@asynccontextmanager
async def summarizer(nats_url: str, mongo_url: str, here: World | None) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m summarizer`; killed at the end if it still runs."""
    environment = {
        **os.environ,
        "AGENTWARS_NATS_URL": nats_url,
        "AGENTWARS_MONGO_URL": mongo_url,
        "AGENTWARS_MONGO_DATABASE": here.store.database.name if here else f"summarizer-{new_id()}",
        "AGENTWARS_SUMMARIZER_HEARTBEAT_SECONDS": "0.1",
    }
    if here is not None:
        models = {name: one.model_dump(mode="json", by_alias=True) for name, one in here.registry.providers.items()}
        environment["AGENTWARS_PROVIDERS"] = json.dumps(models)
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "summarizer", env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_process_says_that_it_lives_writes_a_report_and_leaves_on_sigterm(
    fresh_nats_url: str, mongo_url: str
) -> None:
    async with world(fresh_nats_url, mongo_url) as here, summarizer(fresh_nats_url, mongo_url, here) as process:
        here.answers[None] = draft()
        beat = json.loads(await next_beat(here))
        assert (beat["service"], beat["pid"]) == ("summarizer", process.pid)
        await here.play(scale_test(2), [GOAL, LIMIT])
        async with here.answering():
            await here.ask()
            await here.ended()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0


async def test_kill_in_the_middle_of_a_report_loses_nothing(fresh_nats_url: str, mongo_url: str) -> None:
    async with world(fresh_nats_url, mongo_url) as here:
        here.answers[None] = draft()
        await here.play(scale_test(2), [GOAL, LIMIT])
        await hasten_redelivery(here)
        async with summarizer(fresh_nats_url, mongo_url, here) as process:
            await here.ask()
            await job_published(here)
            process.kill()
            await process.wait()
        async with summarizer(fresh_nats_url, mongo_url, here), here.answering():
            await here.ended()
        assert await here.events() == ["report.ready", "progress", "run.ended"]
        assert len(here.jobs) == 1


async def test_process_that_waits_for_its_streams_leaves_on_sigterm(fresh_nats_url: str, mongo_url: str) -> None:
    async with summarizer(fresh_nats_url, mongo_url, None) as process:
        await process_waits(fresh_nats_url)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0


async def test_a_durable_that_is_gone_is_made_again(fresh_nats_url: str, mongo_url: str) -> None:
    async with world(fresh_nats_url, mongo_url) as here, summarizer(fresh_nats_url, mongo_url, here):
        here.answers[None] = draft()
        await next_beat(here)
        await here.client.jetstream().delete_consumer(subjects.WORK, subjects.SUMMARIZER_DONE)
        await here.play(scale_test(2), [GOAL, LIMIT])
        async with here.answering():
            await here.ask()
            await here.ended()


async def next_beat(here: World) -> bytes:
    """The next heartbeat of a summarizer."""
    beats = await here.client.subscribe(subjects.heartbeat("summarizer"))
    beat = await beats.next_msg(timeout=PATIENCE_SECONDS)
    await beats.unsubscribe()
    return beat.data


async def hasten_redelivery(here: World) -> None:
    """What a dead process held comes again after a second instead of 15."""
    streams = here.client.jetstream()
    for durable in (subjects.SUMMARIZER_REPORTS, subjects.SUMMARIZER_DONE):
        held = (await streams.consumer_info(subjects.WORK, durable)).config
        held.ack_wait = 1.0
        await streams.add_consumer(subjects.WORK, held)


async def job_published(here: World) -> None:
    """Returns once the report's job waits in the queue."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            info = await here.client.jetstream().stream_info(subjects.WORK, subjects_filter="llm.do.>")
            if info.state.subjects:
                return
            await asyncio.sleep(0.02)


async def process_waits(nats_url: str) -> None:
    """Returns once a summarizer is connected to a server without streams."""
    connection = Connection("watcher", NatsSettings(nats_url=nats_url), LOG)
    client = await connection.open()
    asked = await client.subscribe("$JS.API.STREAM.INFO.>")
    await asked.next_msg(timeout=PATIENCE_SECONDS)
    await asked.unsubscribe()
    await connection.close()
