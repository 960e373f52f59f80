"""Following one answer: history and live in their order, each event once, whatever got lost in between."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from gateway.answers.answer_events import Answered, AnswerEvent, Closed, Opened, TextDelta, read_answer_event
from gateway.answers.follower import AnswerFollower
from gateway.event_stream.log.events import DELTA, StreamEvent
from gateway.event_stream.log.hub import Hub
from gateway.event_stream.settings import StreamSettings
from shared.contracts import subjects
from shared.contracts.enums import Side
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry, Usage
from shared.errors import BrokerUnavailable
from support import builders
from support.eventually import eventually
from unit.gateway.event_stream.memory_source import LOG, RUN, MemorySource, a_run


class Patient:
    """Waits for events."""

    def __init__(self) -> None:
        self.leaving = False
        self.woken = asyncio.Event()

    def wake(self) -> None:
        self.woken.set()

    async def wait(self) -> None:
        await self.woken.wait()
        self.woken.clear()


class Entries:
    """Holds the one long message of a store."""

    def __init__(self, content: str) -> None:
        self.content = content

    async def at(self, conversation: str, seq: int) -> Entry:
        return entry(self.content, seq)


class Store:
    def __init__(self, content: str = "") -> None:
        self.content = content

    def entries(self, run: Run) -> Entries:
        return Entries(self.content)


def entry(content: str, seq: int = 2) -> Entry:
    return builders.message(RUN, seq, content, side=Side.AGENT, usage=Usage())


def tell(source: MemorySource, type_: str, **body: Any) -> int:
    """Stores an event with a body of the test's own, and has it heard."""
    event = source._store(type_, RUN, 0)
    payload = json.dumps({"type": type_, "conversationId": RUN} | body, separators=(",", ":")).encode()
    source.stored[-1] = event = event._replace(payload=payload)
    if not source.deaf:
        source.deliver(event)
    return event.sequence


def delta(source: MemorySource, text: str, number: int, seq: int = 2, attempt: str = "a1") -> int:
    return tell(source, DELTA, seq=seq, attempt=attempt, i=number, text=text)


def message(source: MemorySource, content: str | None, seq: int = 2, side: str = "agent") -> int:
    known = {"promptTokens": 1, "completionTokens": 1, "costUsd": 0, "finishReason": "stop", "attempt": "a1"}
    return tell(source, "message", seq=seq, side=side, content=content, **known)


@pytest.fixture
async def source() -> MemorySource:
    return MemorySource()


@asynccontextmanager
async def following(
    source: MemorySource, content: str = "", **options: Any
) -> AsyncIterator[tuple[list[AnswerEvent], Any]]:
    """Events as they come in, and the task that collects them."""
    hub = Hub(source, StreamSettings(), LOG)
    store: Any = Store(content)
    after = options.pop("after", 0)
    follower = AnswerFollower(hub, store, a_run(), 2, after, **options)
    found: list[AnswerEvent] = []

    async def collect() -> None:
        async with aclosing(follower.events(Patient())) as batches:
            async for batch in batches:
                found.extend(batch)

    task = asyncio.create_task(collect())
    try:
        yield found, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await hub.close()


def texts(found: list[AnswerEvent]) -> str:
    return "".join(event.text for event in found if isinstance(event, TextDelta))


async def test_history_and_live_are_one(source: MemorySource) -> None:
    message(source, "Hello", seq=1, side="opponent")
    tell(source, "attempt.started", seq=2, purpose="chat", attempt="a1", provider="demo", model="m")
    delta(source, "Good ", 0)
    async with following(source) as (found, task):
        await eventually(lambda: len(found) == 2)
        delta(source, "day.", 1)
        message(source, "Good day.")
        await asyncio.wait_for(task, 5)
    assert [type(event) for event in found] == [Opened, TextDelta, TextDelta, Answered]
    assert texts(found) == "Good day."


async def test_other_answers_of_the_chat_are_left_out(source: MemorySource) -> None:
    delta(source, "Old", 0, seq=4)
    message(source, "Old", seq=4)
    tell(source, "attempt.started", seq=2, purpose="judge", attempt="j", provider="demo", model="m")
    tell(source, "judgement", seq=2)
    delta(source, "New", 0)
    message(source, "New")
    async with following(source) as (found, task):
        await asyncio.wait_for(task, 5)
    assert [type(event) for event in found] == [TextDelta, Answered]


async def test_end_of_the_conversation_ends_it(source: MemorySource) -> None:
    tell(source, "conversation.ended", endedReason="canceled", error=None)
    async with following(source) as (found, task):
        await asyncio.wait_for(task, 5)
    assert [(type(event), getattr(event, "code", None)) for event in found] == [(Closed, "canceled")]


async def test_text_that_is_not_in_its_event_is_read(source: MemorySource) -> None:
    message(source, None)
    async with following(source, content="So long.") as (found, task):
        await asyncio.wait_for(task, 5)
    assert isinstance(found[-1], Answered)
    assert found[-1].content == "So long."


async def test_answer_that_stands_is_told_where_its_events_are_gone(source: MemorySource) -> None:
    async with following(source, standing=entry("It stands.")) as (found, task):
        await asyncio.wait_for(task, 5)
    assert isinstance(found[-1], Answered)
    assert found[-1].content == "It stands."


async def test_answer_that_stands_waits_for_its_event_where_others_of_it_are_there(source: MemorySource) -> None:
    delta(source, "It ", 0)
    async with following(source, standing=entry("It stands.")) as (found, task):
        await eventually(lambda: texts(found) == "It ")
        told = message(source, "It stands.")
        await asyncio.wait_for(task, 5)
    assert [event.sequence for event in found if isinstance(event, Answered)] == [told]


async def test_what_the_client_may_have_is_read_from_the_stream(source: MemorySource) -> None:
    """A reader of this process never heard the second delta; the client got it from another gateway."""
    delta(source, "one ", 0)
    hub = Hub(source, StreamSettings(), LOG)
    store: Any = Store()
    first = AnswerFollower(hub, store, a_run(), 2, 0)
    async with aclosing(first.events(Patient())) as batches:
        await anext(batches)
        source.deaf = True
        lost = delta(source, "two ", 1)
        source.deaf = False
        second = AnswerFollower(hub, store, a_run(), 2, 0, recorded=lost)
        async with aclosing(second.events(Patient())) as others:
            assert texts(await anext(others)) == "one two "
    await hub.close()


async def test_replica_that_lags_is_asked_again(source: MemorySource) -> None:
    delta(source, "one ", 0)
    had = delta(source, "two ", 1)
    source.lag = 1
    async with following(source, recorded=had) as (found, _):
        await eventually(lambda: len(source.reads) > 2)
        source.lag = 0
        await eventually(lambda: texts(found) == "one two ")


async def test_broker_that_goes_away_ends_it(source: MemorySource) -> None:
    source.away = True
    async with following(source) as (_, task):
        with pytest.raises(BrokerUnavailable):
            await asyncio.wait_for(task, 5)


def test_delta_as_llm_runner_writes_it() -> None:
    """Byte for byte: the fast path and JSON read the same."""
    payload = (
        b'{"type":"delta","schemaVersion":1,"runId":"r","conversationId":"r","seq":2,"purpose":"chat","attempt":"a1",'
        b'"at":"2026-11-21T10:00:00.000Z","i":3,"text":"say \\"text\\":\\"x\\"} \xf0\x9f\xab\x96\\n"}'
    )
    found = read_answer_event(9, DELTA, payload, 2)
    assert isinstance(found, TextDelta)
    assert (found.attempt, found.number, found.text) == ("a1", 3, json.loads(payload)["text"])
    assert read_answer_event(9, DELTA, payload, 4) is None
    event = StreamEvent(9, subjects.text("r", "r"), 0, DELTA, "r", payload)
    assert read_answer_event(event.sequence, event.type, event.payload + b"\n", 2) == found
