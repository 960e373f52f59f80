"""NATS JetStream in memory: streams with message ids and a duplicate window, and a work queue with redelivery.

What a process does with it goes through `MemoryClient`, each call one outside effect of its process. As on the real
server a late acknowledgement still acknowledges, and an id is remembered for the window whatever became of its message.
"""

import asyncio
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import PubAck

from model.loops import EPOCH, Clock, Process
from shared.contracts import subjects
from shared.contracts.enums import Lane
from shared.topology.streams import ACK_WAIT_SECONDS, DUPLICATE_WINDOW_SECONDS, ack_wait

LATER = "later."


@dataclass(eq=False)
class Stored:
    """A message as a stream holds it. `due` is when it may be delivered (again); None once it is acknowledged."""

    sequence: int
    subject: str
    data: bytes
    headers: dict[str, str]
    at: float
    due: float | None = 0.0
    delivered: int = 0
    forgotten: int = 0
    """Deliveries that a consumer which lost its state does not count."""

    @property
    def message_id(self) -> str | None:
        return self.headers.get("Nats-Msg-Id")


@dataclass
class Stream:
    """Messages in order. `remembered` are the ids of the duplicate window, each with its time and sequence."""

    name: str
    clock: Clock
    messages: list[Stored] = field(default_factory=list)
    remembered: dict[str, tuple[float, int]] = field(default_factory=dict)
    sequence: int = 0

    def store(self, subject: str, data: bytes, headers: Mapping[str, str]) -> PubAck:
        message_id = headers.get("Nats-Msg-Id")
        if message_id is not None:
            known = self.remembered.get(message_id)
            if known is not None and self.clock.seconds - known[0] < DUPLICATE_WINDOW_SECONDS:
                return PubAck(stream=self.name, seq=known[1], duplicate=True)
        self.sequence += 1
        self.messages.append(Stored(self.sequence, subject, data, dict(headers), self.clock.seconds))
        if message_id is not None:
            self.remembered[message_id] = (self.clock.seconds, self.sequence)
        return PubAck(stream=self.name, seq=self.sequence, duplicate=None)


class Broker:
    """The three streams. `WORK` is a queue: what is acknowledged is gone."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.work = Stream(subjects.WORK, clock)
        self.events = Stream(subjects.RUN_EVENTS, clock)
        self.letters = Stream(subjects.DEAD_LETTERS, clock)

    def stream_of(self, subject: str) -> Stream:
        if subject.startswith("run."):
            return self.events
        return self.letters if subject.startswith("dlq.") else self.work

    def named(self, name: str) -> Stream:
        return {one.name: one for one in (self.work, self.events, self.letters)}[name]

    def deliverable(self) -> list[Stored]:
        """What could be delivered now, oldest first; what was scheduled comes to its target when its time is up."""
        self._move_scheduled()
        now = self.clock.seconds
        return [
            one
            for one in self.work.messages
            if one.due is not None and one.due <= now and not one.subject.startswith(LATER)
        ]

    def next_due(self) -> float | None:
        """When the next message that waits may be delivered, or None."""
        waiting = [_schedule(one) or one.due for one in self.work.messages]
        return min((due for due in waiting if due is not None), default=None)

    def held(self, subject: str) -> int:
        """Messages of a subject that were delivered and not settled: what `max_ack_pending` counts."""
        now = self.clock.seconds
        return sum(one.subject == subject and one.delivered > 0 and (one.due or 0) > now for one in self.work.messages)

    def acknowledge(self, message: Stored) -> None:
        message.due = None
        if message in self.work.messages:
            self.work.messages.remove(message)

    def lose_work(self, *, and_memory: bool) -> None:
        """The queue's data is gone; with it, perhaps, what it remembered of ids."""
        for message in self.work.messages:
            message.due = None
        self.work.messages.clear()
        if and_memory:
            self.work.remembered.clear()

    def forget_deliveries(self) -> None:
        """A restart without the durables' state: what stands comes as if it never had, and only its ids are known."""
        for message in self.work.messages:
            message.forgotten = message.delivered
        stand = {message.message_id for message in self.work.messages}
        self.work.remembered = {name: known for name, known in self.work.remembered.items() if name in stand}

    def _move_scheduled(self) -> None:
        for message in [one for one in self.work.messages if one.subject.startswith(LATER)]:
            at = _schedule(message)
            if at is not None and at <= self.clock.seconds:
                self.work.messages.remove(message)
                kept = {name: value for name, value in message.headers.items() if not name.startswith("Nats-")}
                self.work.store(message.headers["Nats-Schedule-Target"], message.data, kept)


def _schedule(message: Stored) -> float | None:
    text = message.headers.get("Nats-Schedule")
    return None if text is None else _seconds(text.removeprefix("@at "))


def _seconds(text: str) -> float:
    return (datetime.fromisoformat(text) - EPOCH).total_seconds()


class Delivery:
    """One delivery of a message of `WORK`, as a handler gets it."""

    def __init__(self, broker: Broker, process: Process, message: Stored) -> None:
        message.delivered += 1
        live = message.subject.endswith(f".{Lane.LIVE}")
        self._ack_wait = ack_wait(Lane.LIVE) if live else ACK_WAIT_SECONDS
        message.due = broker.clock.seconds + self._ack_wait
        self._broker = broker
        self._process = process
        self._message = message
        self.data = message.data
        self.subject = message.subject
        self.headers = dict(message.headers)
        self.metadata = SimpleNamespace(
            num_delivered=message.delivered - message.forgotten,
            sequence=SimpleNamespace(stream=message.sequence, consumer=0),
        )

    async def ack_sync(self, timeout: float = 1.0) -> None:
        await self._process.outside(f"ack {self.subject}", lambda: self._broker.acknowledge(self._message))

    async def nak(self, delay: float | None = None) -> None:
        def give_back() -> None:
            if self._message.due is not None:
                self._message.due = self._broker.clock.seconds + (delay or 0.0)

        await self._process.outside(f"nak {self.subject}", give_back)

    async def in_progress(self) -> None:
        if self._process.running and self._message.due is not None:
            self._message.due = self._broker.clock.seconds + self._ack_wait

    async def term(self) -> None:
        await self._process.outside(f"term {self.subject}", lambda: self._broker.acknowledge(self._message))


class _Inbox:
    """Where the answer of a direct get comes in."""

    def __init__(self) -> None:
        self.replies: asyncio.Queue[Any] = asyncio.Queue()

    async def next_msg(self, timeout: float = 1.0) -> Any:
        try:
            return await asyncio.wait_for(self.replies.get(), timeout)
        except TimeoutError as late:
            raise NatsTimeoutError from late

    async def unsubscribe(self) -> None:
        """Nothing is kept of it."""


class MemoryClient:
    """A connection of one process."""

    def __init__(self, broker: Broker, process: Process) -> None:
        self._broker = broker
        self._process = process
        self._inboxes: dict[str, _Inbox] = {}
        self._numbers = itertools.count()
        self.is_connected = True

    def jetstream(self, **_: Any) -> "MemoryJetStream":
        return MemoryJetStream(self._broker, self._process)

    def new_inbox(self) -> str:
        return f"_INBOX.{next(self._numbers)}"

    async def subscribe(self, subject: str, **_: Any) -> _Inbox:
        inbox = self._inboxes[subject] = _Inbox()
        return inbox

    async def publish(self, subject: str, payload: bytes = b"", reply: str = "") -> None:
        """A batched direct get is answered."""
        stream = self._broker.named(subject.rpartition(".")[2])
        found = await self._process.outside(f"read {stream.name}", lambda: _found(stream, json.loads(payload)))
        inbox = self._inboxes.pop(reply)
        for message in found:
            headers = message.headers | {"Nats-Sequence": str(message.sequence), "Nats-Subject": message.subject}
            inbox.replies.put_nowait(SimpleNamespace(data=message.data, headers=headers))
        end = {"Status": "204" if found else "404", "Nats-Num-Pending": "0"}
        inbox.replies.put_nowait(SimpleNamespace(data=b"", headers=end))

    def send(self, subject: str, payload: bytes) -> bool:
        """Text on its way, of which nothing is kept."""
        return True


class MemoryJetStream:
    """Publishing with a confirmation."""

    def __init__(self, broker: Broker, process: Process) -> None:
        self._broker = broker
        self._process = process

    async def publish(self, subject: str, payload: bytes, headers: Mapping[str, str]) -> PubAck:
        stream = self._broker.stream_of(subject)
        name = f"publish {headers.get('Nats-Msg-Id', headers.get('Aw-Type', subject))}"
        stored = await self._process.outside(name, lambda: stream.store(subject, payload, headers))
        assert isinstance(stored, PubAck)
        return stored

    async def consumers_info(self, _stream: str) -> list[Any]:
        """None of which keeps what it acknowledged: this broker's removals are never lost."""
        return []


def _matches(pattern: str, subject: str) -> bool:
    """As NATS matches: `*` is one token, `>` all that follow."""
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted, given = wanted[:-1], given[: len(wanted) - 1]
    return len(wanted) == len(given) and all(one in ("*", other) for one, other in zip(wanted, given, strict=True))


def _found(stream: Stream, request: dict[str, Any]) -> list[Stored]:
    subject = request["next_by_subj"]
    start = _seconds(request["start_time"]) if "start_time" in request else None
    return [
        one
        for one in stream.messages
        if _matches(subject, one.subject)
        and (one.at >= start if start is not None else one.sequence >= request.get("seq", 1))
    ]
