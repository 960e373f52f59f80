"""Where events come from: the port the logs are written against, and NATS behind it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from gateway.event_stream.log.events import DELTA, RUN_ENDED, LogScope, StreamEvent
from shared.contracts import subjects
from shared.errors import BrokerUnavailable
from shared.messaging import history
from shared.messaging.connection import Connection
from shared.messaging.direct import read_headers

_SEQUENCE: Final = re.compile(rb"\nNats-Sequence: (\d+)\r")
_LAST_SEQUENCE: Final = re.compile(rb"\nNats-Last-Sequence: (\d+)\r")
REQUEST_SECONDS: Final = 2.0
STATE_FRESH_SECONDS: Final = 5.0

Deliver = Callable[[StreamEvent], None]
Unsubscribe = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StreamState:
    """What the stream's leader says: when it was made (`epoch`), its first and its last sequence."""

    epoch: str
    first: int
    last: int


class Source(Protocol):
    """What a log needs. All but `generation` and `ready` raise BrokerUnavailable."""

    @property
    def ready(self) -> bool:
        """Whether events can be heard now."""

    @property
    def generation(self) -> int:
        """Changes whenever something may have been missed unseen: the connection was made anew."""

    async def listen(self, scope: LogScope, hear: Deliver) -> Unsubscribe:
        """Has `hear` called for every live event of the scope."""

    def read(self, scope: LogScope, after: int, up_to: int) -> AsyncIterator[StreamEvent]:
        """The stored events of the scope with `after` < sequence <= `up_to`, in order."""

    async def last_sequence(self, scope: LogScope) -> int:
        """A sequence up to which everything of the scope is stored and nothing above it was, or 0."""

    async def end_of(self, run_id: str) -> int | None:
        """The sequence of a run's last event, `run.ended`, or None while it is not stored."""

    async def state(self, at_least: int = 0) -> StreamState:
        """The stream as it is, or was a moment ago; asked anew where `last` is below `at_least`."""


class NatsSource:
    """The stream RUN_EVENTS: live on `ev.>`, stored by direct get."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._state: StreamState | None = None
        self._state_at = 0.0
        self._asking = asyncio.Lock()

    @property
    def ready(self) -> bool:
        return self._connection.connected

    @property
    def generation(self) -> int:
        return self._connection.client.stats["reconnects"]

    async def listen(self, scope: LogScope, hear: Deliver) -> Unsubscribe:
        listener = self._connected().listener

        def on_message(subject: bytes, headers: bytes, payload: bytes) -> None:
            event = _live(subject.decode(errors="replace"), headers, payload)
            if event is not None:
                hear(event)

        with _away("a subscription"):
            ends = [await listener.listen(subject, on_message) for subject in scope.live]

        async def unsubscribe() -> None:
            with _away("the end of a subscription"):
                for end in ends:
                    await end()

        return unsubscribe

    async def read(self, scope: LogScope, after: int, up_to: int) -> AsyncIterator[StreamEvent]:
        if up_to <= after:
            return
        reads = [
            history.read(self._client(), subjects.RUN_EVENTS, subject, from_sequence=after + 1, up_to_sequence=up_to)
            for subject in scope.stored
        ]
        async for stored in in_order(reads):
            yield _stored(stored)

    async def last_sequence(self, scope: LogScope) -> int:
        return await history.last_sequence(self._client(), subjects.RUN_EVENTS, scope.bound)

    async def end_of(self, run_id: str) -> int | None:
        last = await history.last(self._client(), subjects.RUN_EVENTS, subjects.events(run_id))
        return last.sequence if last is not None and last.headers.get("Aw-Type") == RUN_ENDED else None

    async def state(self, at_least: int = 0) -> StreamState:
        async with self._asking:
            fresh = time.monotonic() - self._state_at < STATE_FRESH_SECONDS
            if self._state is None or not fresh or self._state.last < at_least:
                self._state, self._state_at = await self._ask(), time.monotonic()
            return self._state

    def forget_state(self) -> None:
        """Has the stream asked anew: after a reconnect it may be another one."""
        self._state = None

    async def _ask(self) -> StreamState:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                info = await self._client().jetstream(timeout=REQUEST_SECONDS).stream_info(subjects.RUN_EVENTS)
        except (NatsError, JetStreamError, TimeoutError) as error:
            raise BrokerUnavailable("a look at its stream", error) from error
        if info.created is None:
            raise BrokerUnavailable("when its stream was made", ValueError("no time in the answer"))
        epoch = format(int(info.created.timestamp() * 1_000_000), "x")
        return StreamState(epoch, info.state.first_seq, info.state.last_seq)

    def _client(self) -> Client:
        return self._connected().client

    def _connected(self) -> Connection:
        if not self._connection.connected:
            raise BrokerUnavailable("anything", ConnectionError("not connected"))
        return self._connection


async def in_order(
    reads: list[AsyncIterator[history.StoredMessage]],
) -> AsyncIterator[history.StoredMessage]:
    """Merges reads that are each in order."""
    heads: list[tuple[history.StoredMessage, AsyncIterator[history.StoredMessage]]] = []
    for read in reads:
        first = await anext(read, None)
        if first is not None:
            heads.append((first, read))
    while heads:
        lowest = min(heads, key=lambda head: head[0].sequence)
        yield lowest[0]
        heads.remove(lowest)
        following = await anext(lowest[1], None)
        if following is not None:
            heads.append((following, lowest[1]))


@contextmanager
def _away(what: str) -> Iterator[None]:
    try:
        yield
    except NatsError as error:
        raise BrokerUnavailable(what, error) from error


def _live(subject: str, headers: bytes, payload: bytes) -> StreamEvent | None:
    """The event as it was republished; None for what somebody else published there."""
    sequence, previous = _SEQUENCE.search(headers), _LAST_SEQUENCE.search(headers)
    if sequence is None or previous is None:
        return None
    stored = subjects.stored(subject)
    if not stored.endswith(".events"):
        return StreamEvent(int(sequence[1]), stored, int(previous[1]), DELTA, stored.rpartition(".")[2], payload)
    named = read_headers(headers)
    type_, conversation = _type(named, stored), _conversation(named, stored)
    return StreamEvent(int(sequence[1]), stored, int(previous[1]), type_, conversation, payload)


def _stored(stored: history.StoredMessage) -> StreamEvent:
    return StreamEvent(
        sequence=stored.sequence,
        subject=stored.subject,
        previous=-1,
        type=_type(stored.headers, stored.subject),
        conversation=_conversation(stored.headers, stored.subject),
        payload=stored.data,
    )


def _type(headers: Mapping[str, str], subject: str) -> str:
    if subject.endswith(".events"):
        return headers.get("Aw-Type", "message")
    return DELTA


def _conversation(headers: Mapping[str, str], subject: str) -> str | None:
    if subject.endswith(".events"):
        return headers.get("Aw-Conversation-Id")
    return subject.rpartition(".")[2]
