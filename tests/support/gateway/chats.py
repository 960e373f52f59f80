"""Chats for tests: an engine that is told by hand."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from nats.aio.client import Client

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
from support.gateway.chat_answers import CHAT, Body, Chunk, chunks_of
from support.gateway.instance import Instance


@dataclass
class Engine:
    """Plays orchestrator and runner for one answer of a chat."""

    chats: "Chats"
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
        stream = self.chats.client.jetstream(timeout=5)
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
        await self.chats.take_over(self.run_id)
        await self.chats.store.entries.insert(entry)
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
        await Publisher(self.chats.client).event(event)


@dataclass
class Chats:
    """Chats of the gateways, whose engine is told by hand."""

    gateways: list[Instance]
    store: Store
    client: Client

    async def run(self, reference: str = "chat-1") -> Run:
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
        run = await self.run(reference)
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
