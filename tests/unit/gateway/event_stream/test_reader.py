"""A reader between log and history."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from starlette.types import Message

from gateway.event_stream.connections.open_streams import OpenStream
from gateway.event_stream.log.cursors import Cursor, run_tag
from gateway.event_stream.log.events import EVERYTHING
from gateway.event_stream.log.hub import Hub
from gateway.event_stream.readers.run_event_stream import RunEventStream
from gateway.event_stream.readers.stream_request import StreamRequest
from gateway.event_stream.settings import StreamSettings
from shared.errors import BrokerUnavailable
from shared.storage.owned import OwnedStore
from support.eventually import eventually
from unit.gateway.event_stream.memory_source import EPOCH, LOG, RUN, WHOLE, MemorySource, a_run, quiet, source_of


class Reading:
    """A reader at work, and the sequences it was written."""

    def __init__(self, hub: Hub, after: int | None, event_sequence: int = 0) -> None:
        cursor = Cursor(EPOCH, run_tag(RUN), after) if after is not None else None
        asked = StreamRequest(EVERYTHING, cursor, foreign=False, begins="start")
        self._serve = RunEventStream(hub, cast(OwnedStore, None), a_run(event_sequence=event_sequence), WHOLE, asked)
        self.client = OpenStream(self._send, heartbeat_seconds=60)
        self.blocked: asyncio.Event | None = None
        self.written: list[int] = []
        self.task = asyncio.create_task(self._serve(self.client))
        # Those that a test leaves end with its hub, and nobody asks them why.
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _send(self, message: Message) -> None:
        if self.blocked is not None:
            await self.blocked.wait()
        lines = message["body"].decode().split("\n")
        self.written += [int(line.rpartition("-")[2]) for line in lines if line.startswith("id: ")]

    async def wrote(self, sequence: int) -> None:
        await eventually(lambda: sequence in self.written)


@asynccontextmanager
async def hub_of(source: MemorySource, **settings: int) -> AsyncIterator[Hub]:
    hub = Hub(source, StreamSettings(**settings), LOG)  # type: ignore[arg-type] # all of them are numbers
    try:
        yield hub
    finally:
        await hub.close()


async def test_reader_gets_history_then_what_comes_then_the_end() -> None:
    source = source_of("run.started", "message")
    async with hub_of(source) as hub:
        reading = Reading(hub, None)
        await reading.wrote(2)
        source.tell()
        source.tell("run.ended")
        await reading.task
    assert reading.written == [1, 2, 3, 4]


async def test_reader_that_was_too_slow_for_the_ring_reads_on_from_history() -> None:
    source = source_of("run.started")
    async with hub_of(source, stream_log_events=4) as hub:
        reading = Reading(hub, None)
        await reading.wrote(1)
        reading.blocked = asyncio.Event()
        for _ in range(30):
            source.tell()
            await asyncio.sleep(0)
        source.tell("run.ended")
        await asyncio.sleep(0)
        reading.blocked.set()
        await reading.task
    assert reading.written == list(range(1, 33))
    assert len(source.reads) > 1  # the log was filled once; the rest was read for the one who was late


async def test_reader_that_is_ahead_of_a_lagging_replica_gets_nothing_twice() -> None:
    source = source_of("run.started")
    async with hub_of(source) as hub:
        first = Reading(hub, None)
        await first.wrote(1)
        source.deaf = True
        for _ in range(3):
            source.tell()  # another gateway has shown these already
        source.deaf = False
        second = Reading(hub, 3)
        await asyncio.sleep(0.01)
        source.tell()
        source.tell("run.ended")
        await asyncio.gather(first.task, second.task)
    assert first.written == [1, 2, 3, 4, 5, 6]
    assert second.written == [4, 5, 6]


async def test_reader_that_joins_a_log_that_begins_later_reads_what_is_before_it() -> None:
    source = source_of("run.started", "message")
    async with hub_of(source) as hub, hub.watching(WHOLE, None) as log:
        reading = Reading(hub, None)
        await quiet(log)
        source.tell()
        source.tell("run.ended")
        await reading.task
    assert reading.written == [1, 2, 3, 4]


async def test_readers_that_come_back_together_share_one_read_of_history() -> None:
    source = source_of("run.started", *["message"] * 20)
    async with hub_of(source) as hub, hub.watching(WHOLE, 20) as log:
        await quiet(log)
        source.reads.clear()
        readings = [Reading(hub, after) for after in (12, 5, 9, 12, 5)]
        for reading in readings:
            await reading.wrote(21)
        assert source.reads == [(12, 20), (5, 12)]
    assert [reading.written for reading in readings] == [list(range(after + 1, 22)) for after in (12, 5, 9, 12, 5)]


async def test_history_that_was_read_by_another_reader_is_known_to_be_whole() -> None:
    source = source_of("run.started", "message")
    async with hub_of(source) as hub, hub.watching(WHOLE, 2) as log:
        await quiet(log)
        reading = Reading(hub, None, event_sequence=2)
        await reading.wrote(2)
    assert reading.written == [1, 2]


async def test_history_that_is_too_long_to_be_shared_is_read_by_each_for_itself() -> None:
    source = source_of("run.started", *["message"] * 20)
    async with hub_of(source, stream_log_events=10) as hub, hub.watching(WHOLE, 20) as log:
        await quiet(log)
        source.reads.clear()
        readings = [Reading(hub, 2), Reading(hub, 2)]
        for reading in readings:
            await reading.wrote(21)
        assert source.reads == [(2, 20)] * 3  # one that saw it is too long, and one each
    assert all(reading.written == list(range(3, 22)) for reading in readings)


async def test_broker_that_is_away_is_asked_once_for_readers_that_come_back_together() -> None:
    source = source_of("run.started", "message")
    async with hub_of(source) as hub, hub.watching(WHOLE, 2) as log:
        await quiet(log)
        source.away = True
        with pytest.raises(BrokerUnavailable):
            await log.reach_back(0)
        source.away = False
        source.reads.clear()
        await log.reach_back(0)
        assert source.reads == []


async def test_end_of_the_run_that_only_history_has_ends_the_reader() -> None:
    source = source_of("run.started", "run.ended")
    async with hub_of(source) as hub, hub.watching(WHOLE, None) as log:
        await quiet(log)
        reading = Reading(hub, None)
        await reading.task
    assert reading.written == [1, 2]


async def test_log_that_fails_sends_its_readers_away_to_come_again() -> None:
    source = source_of("run.started")
    async with hub_of(source) as hub:
        reading = Reading(hub, None)
        await reading.wrote(1)
        await hub.close()
        with pytest.raises(BrokerUnavailable):
            await reading.task


async def test_readers_of_a_run_share_a_log_that_goes_after_the_last_of_them() -> None:
    source = source_of("run.started")
    async with hub_of(source, stream_linger_seconds=0) as hub:
        readings = [Reading(hub, None) for _ in range(5)]
        for reading in readings:
            await reading.wrote(1)
        assert (len(hub.scopes), source.listeners) == (1, 1)
        for reading in readings:
            reading.client.leave()
            await reading.task
        keeping = asyncio.create_task(hub.run())
        await eventually(lambda: not hub.scopes and not source.listeners)
        keeping.cancel()


async def test_probe_finds_what_was_lost_unseen() -> None:
    source = MemorySource()
    async with hub_of(source) as hub:
        keeping = asyncio.create_task(hub.run())
        reading = Reading(hub, None)
        await eventually(lambda: source.listeners)
        source.tell("run.started")
        await reading.wrote(1)
        source.deaf = True
        source.tell()  # nothing follows that could reveal it
        await reading.wrote(2)
        keeping.cancel()
    assert reading.written == [1, 2]


async def test_stream_that_was_made_anew_sends_readers_of_the_old_one_away() -> None:
    source = source_of("run.started")
    async with hub_of(source) as hub:
        old = Reading(hub, None)
        await old.wrote(1)
        source.epoch = "def"
        new = Reading(hub, None)
        with pytest.raises(BrokerUnavailable):
            await old.task
        await new.wrote(1)
