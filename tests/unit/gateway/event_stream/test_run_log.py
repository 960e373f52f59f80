"""A run's log: order, holes, refills, gaps (docs/architecture.md, "Event streams in the gateway")."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.event_stream.log import run_log, waiting_events
from gateway.event_stream.log.events import LogScope
from gateway.event_stream.log.ring import Item
from gateway.event_stream.log.run_log import RunLog
from unit.gateway.event_stream.memory_source import RUN, MemorySource, new_log, quiet, shown, source_of


@asynccontextmanager
async def running(log: RunLog) -> AsyncIterator[RunLog]:
    task = asyncio.create_task(log.run())
    try:
        yield log
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Woken:
    """Counts wake-ups."""

    def __init__(self) -> None:
        self.times = 0

    def wake(self) -> None:
        self.times += 1


async def test_history_comes_first_and_live_events_follow_without_a_seam() -> None:
    source = MemorySource()
    told = [source.tell("run.started"), source.tell()]
    async with running(new_log(source)) as log:
        await quiet(log)
        told += [source.tell(), source.delta(), source.tell()]
        await quiet(log)
        assert [sequence for sequence, _ in shown(log)] == told


async def test_what_is_heard_while_history_is_read_is_appended_after_it_once() -> None:
    source = MemorySource()
    told = [source.tell("run.started"), source.tell()]
    source.held = asyncio.Event()
    async with running(new_log(source)) as log:
        await asyncio.sleep(0)
        told += [source.tell(), source.tell()]
        await asyncio.sleep(0)
        assert shown(log) == []
        source.held.set()
        await quiet(log)
        assert [sequence for sequence, _ in shown(log)] == told


async def test_nothing_is_appended_over_a_hole_in_the_events() -> None:
    source = MemorySource()
    async with running(new_log(source)) as log:
        told = [source.tell("run.started")]
        await quiet(log)
        source.deaf = True
        told += [source.tell(), source.tell()]
        source.deaf = False
        source.held = asyncio.Event()
        told.append(source.tell())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [sequence for sequence, _ in shown(log)] == told[:1]
        source.held.set()
        await quiet(log)
        assert [sequence for sequence, _ in shown(log)] == told


async def test_hole_is_refilled_only_when_history_reached_what_revealed_it() -> None:
    source = MemorySource()
    async with running(new_log(source)) as log:
        source.tell("run.started")
        await quiet(log)
        source.deaf = True
        source.tell()
        source.deaf = False
        source.lag = 2  # a replica that does not have the newest events yet
        source.tell()
        await asyncio.sleep(0.02)
        assert len(shown(log)) == 1
        source.lag = 0
        await quiet(log)
        assert [sequence for sequence, _ in shown(log)] == [1, 2, 3]


async def test_event_missing_below_what_readers_have_is_told_as_a_gap_and_never_inserted_late() -> None:
    source = MemorySource()
    async with running(new_log(source)) as log:
        source.tell("run.started")
        await quiet(log)
        source.deaf = True
        lost = source.tell()
        source.deaf = False
        source.delta()  # nothing about it says that an event is missing
        await quiet(log)
        after = source.tell()
        await quiet(log)
    assert shown(log) == [(1, "run.started"), (3, "delta"), (3, "gap"), (after, "message")]
    body = _body(list(log.ring.items(0))[2])
    assert body["from"].endswith(f"-{lost}")
    assert body["to"].endswith(f"-{lost}")
    assert body["reread"].startswith(f"/api/runs/{RUN}/")


async def test_lost_delta_stays_lost_without_a_gap() -> None:
    source = MemorySource()
    async with running(new_log(source)) as log:
        source.tell("run.started")
        source.delta()
        await quiet(log)
        source.deaf = True
        source.delta()
        source.deaf = False
        source.tell()
        source.delta()
        await quiet(log)
    assert shown(log) == [(1, "run.started"), (2, "delta"), (4, "message"), (5, "delta")]


async def test_reconnect_refills_before_anything_later_is_appended() -> None:
    source = MemorySource()
    async with running(new_log(source)) as log:
        source.tell("run.started")
        await quiet(log)
        source.deaf = True
        source.tell()
        source.deaf = False
        source.generation += 1  # the connection is another one: what it missed is not known
        source.delta()
        await quiet(log)
    assert [sequence for sequence, _ in shown(log)] == [1, 2, 3]


async def test_refill_that_is_asked_for_finds_what_was_lost_unseen() -> None:
    source = MemorySource()
    async with running(new_log(source)) as log:
        await quiet(log)
        source.deaf = True
        source.tell("run.started")
        log.refill()
        await quiet(log)
    assert [sequence for sequence, _ in shown(log)] == [1]


async def test_broker_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_log, "AWAY_PAUSE_SECONDS", 0.001)
    source = MemorySource()
    async with running(new_log(source)) as log:
        await quiet(log)
        source.away = True
        source.deaf = True
        source.tell("run.started")
        log.refill()
        await asyncio.sleep(0.02)
        assert log.filling
        source.away = False
        await quiet(log)
    assert [sequence for sequence, _ in shown(log)] == [1]


async def test_event_that_never_becomes_readable_is_told_as_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_log, "LAG_LIMIT_SECONDS", 0.05)
    monkeypatch.setattr(run_log, "LAG_PAUSE_SECONDS", 0.001)
    source = MemorySource()
    async with running(new_log(source)) as log:
        source.tell("run.started")
        await quiet(log)
        source.deaf = True
        source.tell()
        source.deaf = False
        source.lag = 2
        source.tell()
        await quiet(log)
    assert shown(log) == [(1, "run.started"), (2, "gap"), (3, "message")]


async def test_more_events_than_may_wait_are_read_from_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_events, "WAITING_EVENTS", 3)
    source = source_of("run.started")
    source.held = asyncio.Event()
    async with running(new_log(source)) as log:
        await asyncio.sleep(0)
        for _ in range(20):
            source.tell()
        await asyncio.sleep(0)
        source.held.set()
        await quiet(log)
    assert [sequence for sequence, _ in shown(log)] == list(range(1, 22))


async def test_end_of_the_run_is_the_end_of_the_log() -> None:
    source = MemorySource()
    async with running(new_log(source)) as log:
        source.tell("run.started")
        await quiet(log)
        source.tell("run.ended")
        source.delta()  # a zombie's
        await quiet(log)
        await asyncio.sleep(0)
        assert source.listeners == 0
    assert shown(log) == [(1, "run.started"), (2, "run.ended")]


async def test_log_from_now_on_begins_with_what_comes() -> None:
    source = source_of("run.started")
    async with running(new_log(source, base=None)) as log:
        await quiet(log)
        assert (log.base_is_open, log.ring.base) == (False, 1)
        source.tell()
        await quiet(log)
    assert shown(log) == [(2, "message")]


async def test_events_of_other_runs_leave_no_hole() -> None:
    source = MemorySource()
    async with running(new_log(source)) as log:
        source.tell("run.started")
        source.of_another_run()
        source.of_another_run()
        source.tell()
        await quiet(log)
        assert len(source.reads) == 1
    assert [sequence for sequence, _ in shown(log)] == [1, 4]


async def test_one_conversation_of_a_large_run_keeps_its_own_and_the_run_s_events() -> None:
    source = MemorySource()
    scope = LogScope(RUN, texts=True, conversation=f"{RUN}-2")
    source.tell("run.started")
    source.tell("message", f"{RUN}-1")
    source.delta(f"{RUN}-1")
    source.delta(f"{RUN}-2")
    async with running(new_log(source, scope=scope)) as log:
        await quiet(log)
        source.tell("message", f"{RUN}-1")
        source.delta(f"{RUN}-2")
        source.tell("message", f"{RUN}-2")
        await quiet(log)
    assert [sequence for sequence, _ in shown(log)] == [1, 4, 6, 7]


async def test_readers_wake_for_everything_and_watchers_of_facts_not_for_deltas() -> None:
    source = MemorySource()
    reader, watcher = Woken(), Woken()
    async with running(new_log(source)) as log:
        await quiet(log)
        log.readers.add(reader)
        log.fact_watchers.add(watcher)
        source.delta()
        await quiet(log)
        assert (reader.times, watcher.times) == (1, 0)
        source.tell()
        source.tell()
        await quiet(log)
        assert (reader.times, watcher.times) == (2, 1)  # once for what came together


STEPS: dict[str, Callable[[MemorySource], object]] = {
    "event": lambda source: source.tell(),
    "delta": lambda source: source.delta(),
    "other run": lambda source: source.of_another_run(),
    "reconnect": lambda source: setattr(source, "generation", source.generation + 1),
}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.booleans(), st.booleans()), max_size=30))
async def test_whatever_gets_lost_every_event_is_shown_in_order_or_told_as_missing(
    story: list[tuple[str, bool, bool]],
) -> None:
    source = MemorySource()
    async with running(new_log(source)) as log:
        for step, lost, pause in story:
            source.deaf = lost
            STEPS[step](source)
            if pause:
                await quiet(log)
        log.refill()  # as the probe does
        await quiet(log)
    sequences = [item.sequence for item in log.ring.items(0) if item.type != "gap"]
    assert sequences == sorted(set(sequences))
    missing = {sequence for item in log.ring.items(0) if item.type == "gap" for sequence in _range(item)}
    events = {heard.sequence for heard in source.stored if heard.type == "message"}
    assert events <= set(sequences) | missing
    assert not missing & set(sequences)


def _body(item: Item) -> dict[str, str]:
    body: dict[str, str] = json.loads(item.frame.partition(b"\ndata: ")[2])
    return body


def _range(gap: Item) -> range:
    body = _body(gap)
    return range(int(body["from"].rpartition("-")[2]), int(body["to"].rpartition("-")[2]) + 1)
