"""Chats for tests: gateways on real servers, an engine that is told by hand, and readers of answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from integration.gateway.event_stream_world import Instance, World, world
from shared.contracts import subjects
from shared.contracts.deltas import DeltaEncoder
from shared.contracts.enums import EntryKind, Purpose, Side
from shared.contracts.events import AttemptDiscarded, AttemptStarted, MessageAdded
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, Failure, ToolCall, Usage
from shared.contracts.work import RunCommanded
from shared.messaging import history
from shared.messaging.publisher import Publisher
from shared.storage import Store
from support.builders import message
from support.eventually import eventually

Body = dict[str, Any]
CHAT = "/api/chat"


def said(text: str, identity: str | None = "m1", **more: Any) -> Body:
    """A person's message as AI SDK 5 to 7 post it."""
    named = {"id": identity} if identity else {}
    return named | {"role": "user", "parts": [{"type": "text", "text": text}]} | more


def asked(*messages: Body, chat: str | None = "chat-1", **more: Any) -> Body:
    """A post of `useChat`."""
    return ({"id": chat} if chat else {}) | {"messages": list(messages), "trigger": "submit-message"} | more


@dataclass
class Chunk:
    """One server-sent event of an answer."""

    id: str | None
    data: str

    @property
    def body(self) -> Any:
        return json.loads(self.data)


def chunks_of(read: bytes) -> list[Chunk]:
    """The whole events in what was read; what the end cut off is none."""
    chunks = []
    for block in read.decode(errors="ignore").split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        # To widespread clients a block without data is an event, too, and an empty one.
        chunks.append(Chunk(lines.get("id"), lines["data"]))
    return chunks


def kinds(chunks: list[Chunk]) -> list[str]:
    return [chunk.data if chunk.data == "[DONE]" else chunk.body["type"] for chunk in chunks]


def text_of(chunks: list[Chunk]) -> str:
    """The text of a UI message stream, a reset taken into account."""
    text = ""
    for chunk in chunks:
        body = chunk.body if chunk.data != "[DONE]" else {"type": "[DONE]"}
        text = "" if body["type"] == "reset-step" else text + body.get("delta", "")
    return text


@dataclass
class Engine:
    """Plays orchestrator and runner for one answer of a chat."""

    here: "ChatWorld"
    run_id: str
    seq: int
    numbers: dict[str, int] = field(default_factory=dict)

    async def open(self, attempt: str = "a1") -> None:
        await self._publish(
            AttemptStarted(
                run_id=self.run_id,
                at=now(),
                conversation_id=self.run_id,
                seq=self.seq,
                side=Side.AGENT,
                purpose=Purpose.CHAT,
                attempt=attempt,
                attempt_number=1,
                provider="demo",
                model="demo-standard",
            )
        )

    async def write(self, text: str, attempt: str = "a1") -> None:
        """Publishes text as llm-runner does; confirmed here, so that tests know that it stands."""
        number = self.numbers[attempt] = self.numbers.get(attempt, -1) + 1
        payload = DeltaEncoder(self.run_id, self.run_id, self.seq, Purpose.CHAT, attempt).encode(number, text)
        stream = self.here.client.jetstream(timeout=5)
        await stream.publish(subjects.text(self.run_id, self.run_id), payload)

    async def discard(self, attempt: str = "a1") -> None:
        await self._publish(
            AttemptDiscarded(
                run_id=self.run_id,
                at=now(),
                conversation_id=self.run_id,
                seq=self.seq,
                attempt=attempt,
                reason="died",
                next="retry",
            )
        )

    async def answer(
        self,
        text: str,
        attempt: str = "a1",
        finish: str = "stop",
        calls: tuple[ToolCall, ...] = (),
        error: Failure | None = None,
        *,
        heard: bool = True,
    ) -> Entry:
        """Stores the answer and publishes it."""
        entry = message(
            self.run_id,
            self.seq,
            text,
            side=Side.AGENT,
            provider="demo",
            model="demo-standard",
            attempt=attempt,
            usage=Usage(prompt_tokens=7, completion_tokens=3, cost_nanos=1_000),
            finish_reason=finish,
            tool_calls=calls,
            error=error,
        )
        await self.here.take_over(self.run_id)
        await self.here.store.entries.insert(entry)
        if heard:
            await self._publish(MessageAdded.of(entry))
        return entry

    async def whole(self, *texts: str) -> None:
        """An answer from its first word to its last."""
        await self.open()
        for text in texts:
            await self.write(text)
        await self.answer("".join(texts))

    async def _publish(self, event: Any) -> None:
        await Publisher(self.here.client).event(event)


@dataclass
class ChatWorld:
    """Gateways side by side, and the store and the broker below them."""

    streams: World

    @property
    def store(self) -> Store:
        return self.streams.store

    @property
    def client(self) -> Any:
        return self.streams.connection.client

    @property
    def http(self) -> httpx.AsyncClient:
        return self.streams.gateways[0].http

    @property
    def gateways(self) -> list[Instance]:
        return self.streams.gateways

    async def chat(self, reference: str = "chat-1") -> Run:
        """The run of a chat, waited for; whoever's it is, and deleted or not."""
        found: list[Run] = []

        async def is_there() -> bool:
            named = {"tenant": "default", "kind": "chat", "client_id": {"$eq": reference, "$type": "string"}}
            document = await self.store.collection("runs").find_one(named, {"_id": 1})
            run = await self.store.runs.get(document["_id"]) if document else None
            found.extend([run] if run else [])
            return run is not None

        await eventually(is_there)
        return found[-1]

    async def engine(self, reference: str = "chat-1", seq: int = 2) -> Engine:
        """Plays the engine for the answer at `seq`, whose question stands: its fact is the engine's to tell."""
        run = await self.chat(reference)
        given = len(run.settings.scenarios[0].given)

        async def question_stands() -> bool:
            return seq - 1 <= given or await self.store.entries.at(run.id, seq - 1) is not None

        await eventually(question_stands)
        question = await self.store.entries.at(run.id, seq - 1) if seq - 1 > given else None
        if question is not None and question.kind is EntryKind.MESSAGE:
            await Publisher(self.client).event(MessageAdded.of(question))
        return Engine(self, run.id, seq)

    async def take_over(self, run_id: str) -> None:
        """Stores what a chat's first request brought, as an orchestrator's first look does."""
        run = await self.store.runs.get(run_id)
        assert run is not None
        standing = await self.store.entries.transcript(run_id)
        for seq, given in enumerate(run.settings.scenarios[0].given, start=1):
            if seq <= len(standing):
                continue
            named = ("side", "content", "client_message_id", "parts", "tool_calls", "tool_results")
            brought = {name: getattr(given, name) for name in named}
            entry = message(run_id, seq, tenant=run.tenant, usage=Usage(), **brought)
            await self.store.entries.insert(entry)
            await Publisher(self.client).event(MessageAdded.of(entry))

    async def ask(self, body: Body, gateway: int = 0, **headers: str) -> tuple[httpx.Response, list[Chunk]]:
        """Posts and reads the answer to its end."""
        response = await self.gateways[gateway].http.post(CHAT, json=body, headers=headers)
        return response, chunks_of(response.content)

    async def answered(self, body: Body, *texts: str, seq: int = 2) -> tuple[httpx.Response, list[Chunk]]:
        """Posts, plays the engine, and reads the answer to its end."""
        asking = asyncio.create_task(self.ask(body))
        engine = await self.engine(str(body.get("id") or body.get("conversationId")), seq)
        await engine.whole(*texts)
        return await asking

    async def commands(self, run_id: str) -> list[RunCommanded]:
        """Every command of a run on the work stream."""
        stored = history.read(self.client, subjects.WORK, subjects.COMMANDS)
        commands = [RunCommanded.model_validate_json(one.data) async for one in stored]
        return [command for command in commands if command.run_id == run_id]

    async def facts(self, run_id: str) -> list[Body]:
        """Every message event of a run."""
        stored = history.read(self.client, subjects.RUN_EVENTS, subjects.events(run_id))
        bodies = [json.loads(one.data) async for one in stored]
        return [body for body in bodies if body["type"] == "message"]

    async def nobody_reads(self) -> None:
        """Returns when no stream is open any more."""
        await eventually(lambda: not any(len(one.streams.open_streams) for one in self.gateways))


@dataclass
class Reader:
    """Reads an answer as it comes."""

    response: httpx.Response
    read: bytes = b""
    broken: bool = False

    async def until(self, kind: str) -> list[Chunk]:
        """Reads on until a chunk of this type came."""
        async with asyncio.timeout(15):
            while kind not in kinds(chunks_of(self.read)):
                self.read += await anext(self._bytes)
        return chunks_of(self.read)

    async def until_text(self, text: str) -> list[Chunk]:
        """Reads on until so much text came."""
        async with asyncio.timeout(15):
            while not text_of(chunks_of(self.read)).endswith(text):
                self.read += await anext(self._bytes)
        return chunks_of(self.read)

    async def rest(self) -> list[Chunk]:
        """Reads to the end, whole or broken off."""
        try:
            async for block in self._bytes:
                self.read += block
        except httpx.RemoteProtocolError:
            self.broken = True
        return chunks_of(self.read)

    def __post_init__(self) -> None:
        self._bytes = self.response.aiter_raw()


@asynccontextmanager
async def reading(
    gateway: Instance, body: Body | None = None, path: str = CHAT, last_id: str | None = None, **headers: str
) -> AsyncIterator[Reader]:
    """An answer that is read while it is written: posted for, or resumed where there is no body."""
    sent = headers | ({"Last-Event-ID": last_id} if last_id else {})
    method = "GET" if body is None else "POST"
    async with gateway.http.stream(method, path, json=body, headers=sent) as response:
        yield Reader(response)


@asynccontextmanager
async def chat_world(nats_url: str, mongo_url: str, gateways: int = 1) -> AsyncIterator[ChatWorld]:
    """Gateways on the given servers, with a database of their own."""
    async with world(nats_url, mongo_url, gateways) as made:
        yield ChatWorld(made)
