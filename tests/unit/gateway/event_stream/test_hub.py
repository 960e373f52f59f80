"""What the logs of all watched runs hold together is bounded, and so is what waits while history is read."""

import asyncio

import pytest
import structlog

from gateway.event_stream.log import hub as hub_module
from gateway.event_stream.log import waiting_events
from gateway.event_stream.log.events import LogScope
from gateway.event_stream.log.hub import Hub
from gateway.event_stream.log.ring import Item
from gateway.event_stream.log.waiting_events import WaitingEvents
from gateway.event_stream.settings import StreamSettings
from support.eventually import eventually
from unit.gateway.event_stream.memory_source import MemorySource, a_run

FRAME = b"x" * 10_000


async def test_logs_of_many_runs_share_what_all_of_them_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "LOGS_BYTES", 400_000)
    monkeypatch.setattr(hub_module, "ROUND_SECONDS", 0.01)
    hub = Hub(MemorySource(), StreamSettings(), structlog.get_logger("test"))
    rounds = asyncio.create_task(hub.run())
    scopes = [LogScope.of(a_run(id=f"run{number}"), None) for number in range(4)]
    async with hub.watching(scopes[0], 0) as small:
        small.ring.append(Item(1, "message", None, FRAME))
        logs = []
        for scope in scopes[1:]:
            async with hub.watching(scope, 0) as log:
                logs.append(log)
                for sequence in range(1, 31):
                    log.ring.append(Item(sequence, "message", None, FRAME))
        await eventually(lambda: sum(log.ring.size for log in logs) <= 300_000)
        assert [log.ring.size for log in logs] == [100_000] * 3
        assert [log.ring.base for log in logs] == [20] * 3
        assert small.ring.size == len(FRAME)
    rounds.cancel()
    await hub.close()


def test_large_events_that_wait_for_history_are_read_from_it_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_events, "WAITING_BYTES", 1000)
    source, waiting = MemorySource(), WaitingEvents()
    for _ in range(100):
        source.tell()
    for heard in source.stored:
        waiting.add(heard._replace(payload=b"x" * 600))
    assert waiting.must_reach >= source.stored[-3].sequence
    assert len(waiting.take()) <= 2
