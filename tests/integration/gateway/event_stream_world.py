"""Gateways in this process on real servers, a run that is told by hand, and clients that read bytes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog
import uvicorn

from gateway.app import Gateway, create_app
from gateway.event_stream import Streams
from gateway.server.process import http_options
from gateway.settings import GatewaySettings
from shared.contracts import subjects
from shared.contracts.conversations import Conversation
from shared.contracts.deltas import DeltaEncoder
from shared.contracts.enums import EndedReason, Purpose, RunKind, RunStatus, Side
from shared.contracts.events import (
    AgentShown,
    ConversationEnded,
    MessageAdded,
    Progressed,
    RunEnded,
    RunEvent,
    RunStarted,
)
from shared.contracts.identity import conversation_id, new_id
from shared.contracts.runs import Budget, Control, Run
from shared.contracts.settings import ConversationSettings, Participant, RunSettings
from shared.contracts.timestamps import now
from shared.contracts.transcript import Failure, Usage, UsageView
from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.messaging.publisher import Publisher
from shared.routing import Registry
from shared.settings import NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap
from support.builders import message
from support.eventually import eventually

PATIENCE_SECONDS = 15.0
LOG: Logger = structlog.get_logger("test")


@dataclass
class Event:
    """One server-sent event as a client reads it."""

    id: str | None = None
    event: str = "message"
    data: str = ""


@dataclass
class Client:
    """Reads one response; everything waits at most PATIENCE_SECONDS."""

    response: httpx.Response
    comments: list[str] = field(default_factory=list)
    retry: int | None = None
    _chunks: AsyncIterator[bytes] | None = None
    _buffer: bytes = b""
    _begun: Event = field(default_factory=Event)

    async def next(self) -> Event | None:
        """The next event, or None at the end of the stream."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                event = self._parsed()
                if event is not None:
                    return event
                if not await self._more():
                    return None

    async def take(self, count: int) -> list[Event]:
        """The next `count` events."""
        events = [await self.next() for _ in range(count)]
        assert None not in events, "the stream ended early"
        return [event for event in events if event is not None]

    async def rest(self) -> list[Event]:
        """All events up to the end of the stream."""
        return [event async for event in self._all()]

    async def until_comment(self, text: str) -> None:
        """Reads on until a comment with this text; no event may stand before it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._parsed() is None and not any(text in comment for comment in self.comments):
                assert await self._more(), f"no comment {text!r} before the end"

    async def _all(self) -> AsyncIterator[Event]:
        while (event := await self.next()) is not None:
            yield event

    async def _more(self) -> bool:
        self._chunks = self._chunks or self.response.aiter_raw()
        chunk = await anext(self._chunks, None)
        self._buffer += chunk or b""
        return chunk is not None

    def _parsed(self) -> Event | None:
        while b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            if line:
                self._take(line.decode())
                continue
            event, self._begun = self._begun, Event()
            # To the standard it is nothing, to widespread clients an event.
            assert event.data, "an empty event"
            return event
        return None

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "id":
                self._begun.id = value
            case "event":
                self._begun.event = value
            case "data":
                self._begun.data = value
            case "retry":
                self.retry = int(value)
            case "":
                self.comments.append(value)


class QuietServer(uvicorn.Server):
    """Leaves the signals of the test process alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Instance:
    """One gateway, served on a port of its own."""

    app: Gateway
    url: str
    http: httpx.AsyncClient

    @property
    def streams(self) -> Streams:
        streams = self.app.state.services.streams
        assert isinstance(streams, Streams)
        return streams

    @asynccontextmanager
    async def open(self, path: str, last_id: str | None = None, **headers: str) -> AsyncIterator[Client]:
        """A GET whose answer is read while it is written."""
        sent = headers | ({"Last-Event-ID": last_id} if last_id else {})
        async with self.http.stream("GET", path, headers=sent) as response:
            yield Client(response)

    @asynccontextmanager
    async def post(self, path: str, body: dict[str, Any]) -> AsyncIterator[Client]:
        """A POST whose answer is read while it is written."""
        async with self.http.stream("POST", path, json=body) as response:
            yield Client(response)

    async def connected(self) -> None:
        """Returns when the gateway has its broker."""
        await eventually(lambda: self.app.state.services.connection.connected)


@asynccontextmanager
async def serving(nats_url: str, mongo_url: str, database: str) -> AsyncIterator[Instance]:
    """A gateway on a free port."""
    settings = GatewaySettings(nats_url=nats_url, mongo_url=mongo_url, mongo_database=database)
    stopping = asyncio.Event()
    app = create_app(settings, registry(), LOG, stopping)
    options: dict[str, Any] = {"log_config": None, "access_log": False, "timeout_graceful_shutdown": 3}
    config = uvicorn.Config(app, port=0, **options, **http_options(settings))
    server = QuietServer(config)
    serve = asyncio.create_task(server.serve())
    try:
        await eventually(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as http:
            instance = Instance(app, url, http)
            await instance.connected()
            yield instance
    finally:
        stopping.set()
        server.should_exit = True
        await serve


def registry() -> Registry:
    model = {"contextWindow": 8000, "inputUsdPerMillion": 0.1, "outputUsdPerMillion": 0.4}
    providers = {"demo": {"baseUrl": "http://nowhere", "models": {"demo-standard": model}}}
    return Registry.model_validate({"providers": providers})


class Story:
    """A run whose events are told by the test, in the order of the real thing."""

    def __init__(self, run: Run, store: Store, connection: Connection) -> None:
        self.run = run
        self.store = store
        self.connection = connection
        self.publisher = Publisher(connection.client)
        self.told: list[tuple[int, str]] = []

    async def fact(self, event: RunEvent) -> int:
        """Publishes an event; a repetition of a fact is not told twice."""
        sequence = await self.publisher.event(event)
        if (sequence, event.type) not in self.told:
            self.told.append((sequence, event.type))
        return sequence

    async def start(self) -> None:
        settings = self.run.settings
        await self.store.runs.start(self.run.id, now(), self.run.deadline_at)
        sequence = await self.fact(
            RunStarted(
                run_id=self.run.id,
                at=now(),
                kind=self.run.kind,
                total=settings.total,
                goal=None,
                agent=AgentShown(id=None, name="agent", version=None),
                max_budget_usd=0.1,
            )
        )
        await self.store.runs.note_event(self.run.id, sequence, now())

    async def delta(self, text: str, index: int = 1, seq: int = 1, i: int = 0) -> int:
        """Publishes text; confirmed here, so that the test knows where it stands."""
        conversation = conversation_id(self.run.id, index)
        payload = DeltaEncoder(self.run.id, conversation, seq, Purpose.TURN, f"a{seq}").encode(i, text)
        stream = self.connection.client.jetstream(timeout=5)
        ack = await stream.publish(subjects.text(self.run.id, conversation), payload)
        self.told.append((ack.seq, "delta"))
        return ack.seq

    async def message(self, seq: int, index: int = 1, content: str = "Hello.", side: Side = Side.OPPONENT) -> int:
        """Stores a message and publishes it; the same again is the same."""
        conversation = conversation_id(self.run.id, index)
        entry = message(conversation, seq, content, run_id=self.run.id, side=side, usage=Usage())
        if await self.store.entries.at(conversation, seq) is None:
            await self.store.entries.insert(entry)
        sequence = await self.fact(MessageAdded.of(entry))
        await self.store.runs.note_event(self.run.id, sequence, now())
        return sequence

    async def progress(self) -> int:
        return await self.fact(Progressed.of(self.run))

    async def begin_conversation(self, index: int = 1) -> None:
        moment = now()
        await self.store.conversations.insert(
            Conversation(
                id=conversation_id(self.run.id, index),
                run_id=self.run.id,
                tenant="default",
                index=index,
                started_at=moment,
                clock_started_at=moment,
                deadline_at=moment,
            )
        )

    async def end(self) -> None:
        ended = await self.store.runs.finish(self.run.id, RunStatus.COMPLETE, now(), False)
        assert ended is not None
        sequence = await self.fact(RunEnded.of(ended))
        await self.store.runs.note_event(self.run.id, sequence, now(), last=True)

    async def end_conversation(self, reason: EndedReason, error: Failure | None = None) -> None:
        await self.fact(
            ConversationEnded(
                run_id=self.run.id,
                at=now(),
                conversation_id=conversation_id(self.run.id, 1),
                ended_reason=reason,
                goal_reached=None,
                decided_by=None,
                messages=1,
                usage=UsageView(),
                error=error,
            )
        )

    async def finish_unheard(self) -> Run:
        """Ends the run in the store alone: nobody could be told."""
        ended = await self.store.runs.finish(self.run.id, RunStatus.COMPLETE, now(), False)
        assert ended is not None
        return ended

    async def whole(self, messages: int = 4, deltas: int = 3) -> None:
        """A short run from its start to its end."""
        await self.start()
        for seq in range(1, messages + 1):
            for i in range(deltas):
                await self.delta(f"word {i}", seq=seq, i=i)
            await self.message(seq)
        await self.progress()
        await self.end()


def new_run(total: int = 1) -> Run:
    voice: dict[str, Any] = {"system_prompt": "Be kind.", "provider": "demo", "model": "demo-standard"}
    scenario = ConversationSettings(
        agent=Participant(name="agent", **voice), opponent=Participant(name="person", **voice)
    )
    kind = RunKind.BATTLE if total == 1 else RunKind.SCALE
    moment = now()
    return Run(
        id=new_id(),
        tenant="default",
        user="anonymous",
        kind=kind,
        settings=RunSettings(kind=kind, total=total, concurrency=1, scenarios=(scenario,), max_budget_nanos=10**9),
        control=Control(changed_at=moment),
        budget=Budget(max=10**9),
        created_at=moment,
        deadline_at=moment,
    )


@dataclass
class World:
    """Two gateways side by side, and what tells runs."""

    gateways: list[Instance]
    store: Store
    connection: Connection
    nats_url: str

    async def story(self, total: int = 1) -> Story:
        """A run that is stored and of which nothing was told yet."""
        run = new_run(total)
        await self.store.runs.insert(run)
        return Story(run, self.store, self.connection)


@asynccontextmanager
async def world(nats_url: str, mongo_url: str, gateways: int = 2) -> AsyncIterator[World]:
    """Gateways on the given servers, with a database of their own."""
    database = f"streams_{new_id()}"
    settings = GatewaySettings(nats_url=nats_url, mongo_url=mongo_url, mongo_database=database)
    connection = Connection("test", NatsSettings(nats_url=nats_url), LOG)
    store = Store(settings)
    await bootstrap(await connection.open(), store, settings, registry())
    try:
        async with AsyncExitStack() as stack:
            served = [await stack.enter_async_context(serving(nats_url, mongo_url, database)) for _ in range(gateways)]
            yield World(served, store, connection, nats_url)
    finally:
        await connection.close()
        store.close()
