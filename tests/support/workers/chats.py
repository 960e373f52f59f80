"""What a gateway does for a person who chats, step by step, so that a test can leave any of its steps out."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.contracts import subjects
from shared.contracts.enums import EntryKind, RunKind, Side
from shared.contracts.events import MessageAdded
from shared.contracts.runs import Run
from shared.contracts.settings import ConversationSettings, GivenMessage, Participant
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, Usage, fold
from shared.contracts.work import RunCommanded
from support.builders import AGENT, ANYBODY, OPPONENT, message, run
from support.eventually import eventually
from support.workers.environment import WorkerEnvironment
from support.workers.orchestrator import Orchestrator

A_CENTURY_SECONDS = 100 * 365.25 * 24 * 3600
KEPT = timedelta(days=30)


def chat_settings(*given: str, agent: Participant = AGENT, orphan_seconds: float | None = None) -> ConversationSettings:
    """A chat that begins with what was said in turns, the person first."""
    sides = (Side.OPPONENT, Side.AGENT)
    said = tuple(GivenMessage(side=sides[place % 2], content=text) for place, text in enumerate(given))
    return ConversationSettings(
        agent=agent,
        opponent=OPPONENT,
        given=said,
        message_limit=1_000_000,
        time_limit_seconds=A_CENTURY_SECONDS,
        orphan_seconds=orphan_seconds,
    )


def chat_run(played: ConversationSettings, kind: RunKind = RunKind.CHAT) -> Run:
    """A chat as a gateway inserts it."""
    moment = now()
    made = run(played=played, kind=kind, concurrency=1, budget_nanos=10**15)
    fields: dict[str, object] = {
        "settings": made.settings.model_copy(update={"time_limit_seconds": A_CENTURY_SECONDS}),
        "deadline_at": moment + timedelta(seconds=A_CENTURY_SECONDS),
        "asked_seq": len(played.given),
        "asked_at": moment,
        "expires_at": moment + KEPT,
    }
    return made.model_copy(update=fields)


@dataclass
class Chat:
    """One chat, and what its person does through a gateway."""

    orchestrator: Orchestrator
    id: str

    @property
    def workers(self) -> WorkerEnvironment:
        return self.orchestrator.workers

    async def entries(self) -> list[Entry]:
        return await self.workers.store.entries.transcript(self.id)

    async def answer(self, seq: int) -> Entry:
        """The answer at `seq`, once it stands."""

        async def stands() -> bool:
            return await self.workers.store.entries.at(self.id, seq) is not None

        await eventually(stands, f"answer {seq} of {self.id}")
        found = await self.workers.store.entries.at(self.id, seq)
        assert found is not None
        return found

    async def say(self, text: str, told: bool = True, **fields: Any) -> int:
        """The person's next message; returns its seq. Not `told`: the gateway died before it could tell anyone."""
        return await self.write(told, kind=EntryKind.MESSAGE, side=Side.OPPONENT, content=text, **fields)

    async def rewind(self, to: int, told: bool = True) -> int:
        """Takes back what stands above seq `to`; returns the rewind's own seq."""
        return await self.write(told, kind=EntryKind.REWIND, rewind_to=to)

    async def write(self, told: bool, **fields: Any) -> int:
        seq = len(await self.entries()) + 1
        unsaid: dict[str, Any] = {"side": None, "content": None, "usage": Usage()}
        entry = message(self.id, seq, **(unsaid | fields))
        await self.workers.store.entries.insert(entry)
        await self.workers.store.runs.ask(ANYBODY, self.id, seq, entry.created_at, entry.created_at + KEPT)
        if told:
            await self.tell(entry)
        return seq

    async def tell(self, entry: Entry) -> None:
        """The command that brings the message, or that proves its fact."""
        publisher = self.workers.publisher
        question = entry if entry.kind is EntryKind.MESSAGE and not entry.tool_results else None
        if entry.kind is EntryKind.MESSAGE and question is None:
            await publisher.event(MessageAdded.of(entry))
        await publisher.work(
            RunCommanded(
                run_id=self.id,
                at=now(),
                conversation_id=self.id,
                message_seq=entry.seq,
                stored_at=entry.created_at,
                question=question,
            )
        )

    async def stop(self, seq: int, signalled: bool = True) -> None:
        """The person has had enough of the answer at `seq`; not `signalled`: the runner hears nothing of it."""
        await self.workers.store.runs.stop_answer(ANYBODY, self.id, seq)
        if signalled:
            signal = {"wanted": "stop", "conversationId": self.id, "seq": seq}
            await self.workers.client.publish(subjects.control(self.id), json.dumps(signal).encode())

    async def said(self) -> list[str | None]:
        """The texts that count."""
        return [one.content for one in fold(await self.entries())]

    async def at_rest(self) -> None:
        """Returns when nothing of it is under way."""
        await self.workers.broker.at_rest()

    async def events(self, *types: str) -> list[tuple[str, int]]:
        """(type, seq) of its events of these types, in order."""
        facts = await self.workers.broker.facts(self.id)
        return [(fact["type"], fact["seq"]) for fact in facts if fact["type"] in types]

    async def told(self) -> list[int]:
        """The seqs of the messages that were told."""
        return [seq for _, seq in await self.events("message")]


async def begin(orchestrator: Orchestrator, played: ConversationSettings, kind: RunKind = RunKind.CHAT) -> Chat:
    """A new chat with its first message."""
    made = await orchestrator.start(chat_run(played, kind))
    return Chat(orchestrator, made.id)
