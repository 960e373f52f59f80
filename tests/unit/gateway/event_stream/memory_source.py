"""A stream in memory: what is stored, what is heard, and what gets lost between the two."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import structlog

from gateway.event_stream.log.events import DELTA, RUN_ENDED, LogScope, StreamEvent
from gateway.event_stream.log.ring import Ring
from gateway.event_stream.log.run_log import RunLog
from gateway.event_stream.log.source import Deliver, StreamState, Unsubscribe
from shared.contracts import subjects
from shared.contracts.runs import Run
from shared.errors import BrokerUnavailable
from shared.logs import Logger
from support.builders import run

RUN = "run1"
EPOCH = "abc"
WHOLE = LogScope(RUN, texts=True)
LOG: Logger = structlog.get_logger("test")


class MemorySource:
    """Stands for NATS. `deaf` loses what is told live; `away` fails every question; `lag` hides the newest events."""

    def __init__(self) -> None:
        self.ready = True
        self.epoch = EPOCH
        self.generation = 0
        self.deaf = False
        self.away = False
        self.lag = 0
        self.held: asyncio.Event | None = None
        self.reads: list[tuple[int, int]] = []
        self.stored: list[StreamEvent] = []
        self._listening: list[tuple[LogScope, Deliver]] = []
        self._sequence = 0

    @property
    def listeners(self) -> int:
        return len(self._listening)

    def tell(self, type_: str = "message", conversation: str | None = None, seq: int = 0) -> int:
        """Stores an event of the run, and has it heard unless nobody hears."""
        event = self._store(type_, conversation, seq)
        if not self.deaf:
            self.deliver(event)
        return event.sequence

    def delta(self, conversation: str = f"{RUN}-1") -> int:
        return self.tell(DELTA, conversation)

    def of_another_run(self) -> None:
        """Takes the next sequence of the stream."""
        self._sequence += 1

    def deliver(self, event: StreamEvent) -> None:
        for scope, hear in self._listening:
            if any(_matches(pattern, subjects.republished(event.subject)) for pattern in scope.live):
                hear(event)

    async def listen(self, scope: LogScope, hear: Deliver) -> Unsubscribe:
        self._ask()
        entry = (scope, hear)
        self._listening.append(entry)

        async def unsubscribe() -> None:
            self._listening.remove(entry)

        return unsubscribe

    async def read(self, scope: LogScope, after: int, up_to: int) -> AsyncIterator[StreamEvent]:
        self._ask()
        self.reads.append((after, up_to))
        for event in self._readable():
            if after < event.sequence <= up_to and any(_matches(pattern, event.subject) for pattern in scope.stored):
                if self.held is not None:
                    await self.held.wait()
                yield event._replace(previous=-1)

    async def last_sequence(self, scope: LogScope) -> int:
        self._ask()
        readable = [event.sequence for event in self._readable() if _matches(scope.bound, event.subject)]
        return readable[-1] if readable else 0

    async def end_of(self, run_id: str) -> int | None:
        self._ask()
        readable = self._readable()
        return readable[-1].sequence if readable and readable[-1].type == RUN_ENDED else None

    async def state(self, at_least: int = 0) -> StreamState:
        self._ask()
        return StreamState(self.epoch, 1, self._sequence)

    def _ask(self) -> None:
        if self.away:
            raise BrokerUnavailable("anything", ConnectionError("away"))

    def _readable(self) -> list[StreamEvent]:
        return self.stored[: len(self.stored) - self.lag]

    def _store(self, type_: str, conversation: str | None, seq: int) -> StreamEvent:
        self._sequence += 1
        subject = subjects.text(RUN, conversation or "") if type_ == DELTA else subjects.events(RUN)
        previous = next((one.sequence for one in reversed(self.stored) if one.subject == subject), 0)
        payload = json.dumps({"type": type_, "seq": seq, "text": f"t{self._sequence}"}).encode()
        event = StreamEvent(self._sequence, subject, previous, type_, conversation, payload)
        self.stored.append(event)
        return event


def source_of(*types: str) -> MemorySource:
    """A source that holds an event of each of these types."""
    source = MemorySource()
    for type_ in types:
        source.tell(type_)
    return source


def _matches(pattern: str, subject: str) -> bool:
    return subject.startswith(pattern[:-1]) if pattern.endswith(">") else pattern == subject


def a_run(total: int = 1, **changes: Any) -> Run:
    """A run that began a while ago."""
    return run(total=total, concurrency=1, **({"id": RUN} | changes))


def new_log(source: MemorySource, base: int | None = 0, scope: LogScope = WHOLE, most_events: int = 1000) -> RunLog:
    return RunLog(scope, EPOCH, base, source, Ring(base or 0, 1024 * 1024, most_events), LOG)


def shown(log: RunLog) -> list[tuple[int, str]]:
    """What readers of the log get: sequences and types."""
    return [(item.sequence, item.type) for item in log.ring.items(log.ring.start)]


async def quiet(log: RunLog, seconds: float = 5.0) -> None:
    """Returns when the log has nothing to do any more."""
    async with asyncio.timeout(seconds):
        calm = 0
        while calm < 5:
            await asyncio.sleep(0)
            calm = 0 if log.filling else calm + 1
