"""A run whose events are told by the test."""

from shared.contracts import subjects
from shared.contracts.deltas import DeltaEncoder
from shared.contracts.enums import EndedReason, Purpose, RunStatus, Side
from shared.contracts.events import (
    AgentShown,
    ConversationEnded,
    MessageAdded,
    Progressed,
    RunEnded,
    RunEvent,
    RunStarted,
)
from shared.contracts.identity import conversation_id
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Failure, Usage, UsageView
from shared.messaging.connection import Connection
from shared.messaging.publisher import Publisher
from shared.storage import Store
from support.builders import conversation, message


class Story:
    """A run whose events are told by the test, in the order of the real thing."""

    def __init__(self, run: Run, store: Store, connection: Connection) -> None:
        self.run = run
        self.store = store
        self.connection = connection
        self.publisher = Publisher(connection.client)
        self.told: list[tuple[int, str]] = []

    def path(self, query: str = "") -> str:
        """Of the run's event stream."""
        return f"/api/runs/{self.run.id}/events{query}"

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
        name = conversation_id(self.run.id, index)
        payload = DeltaEncoder(self.run.id, name, seq, Purpose.TURN, f"a{seq}").encode(i, text)
        stream = self.connection.client.jetstream(timeout=5)
        ack = await stream.publish(subjects.text(self.run.id, name), payload)
        self.told.append((ack.seq, "delta"))
        return ack.seq

    async def message(self, seq: int, index: int = 1, content: str = "Hello.", side: Side = Side.OPPONENT) -> int:
        """Stores a message and publishes it; the same again is the same."""
        name = conversation_id(self.run.id, index)
        entry = message(name, seq, content, run_id=self.run.id, side=side, usage=Usage())
        if await self.store.entries.at(name, seq) is None:
            await self.store.entries.insert(entry)
        sequence = await self.fact(MessageAdded.of(entry))
        await self.store.runs.note_event(self.run.id, sequence, now())
        return sequence

    async def progress(self) -> int:
        return await self.fact(Progressed.of(self.run))

    async def begin_conversation(self, index: int = 1) -> None:
        await self.store.conversations.insert(conversation(self.run, index))

    async def end(self) -> None:
        ended = await self.finish_unheard()
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
