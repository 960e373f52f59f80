"""The closing effects of a conversation, up to its count (docs/protocol.md section 5): all can be repeated."""

import asyncio

from orchestrator.assignments import run_settings
from orchestrator.conversation_facts import Ended
from orchestrator.decide import Close
from orchestrator.snapshots import ConversationSnapshot
from orchestrator.spending import spent_figures, total
from shared.contracts.endings import FAILED
from shared.contracts.enums import EndedReason
from shared.contracts.events import ConversationEnded, Progressed
from shared.contracts.generations import Generation
from shared.contracts.identity import conversation_index, run_of
from shared.contracts.runs import Outcome, Run
from shared.contracts.settings import ConversationSettings
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, Usage, UsageView
from shared.errors import NotYet, UnknownRun
from shared.messaging.publisher import Publisher
from shared.storage import Store


class Closing:
    """What follows an `ended`, whoever inserted it."""

    def __init__(self, store: Store, publisher: Publisher) -> None:
        self._store = store
        self._publisher = publisher

    async def close(self, conversation: str, effect: Close, snapshot: ConversationSnapshot) -> Run:
        """The closing effects up to the count; returns the run as counted."""
        settings = snapshot.facts.settings
        goal_reached = reached(settings, effect.ended)
        entry, usage = await self.set_totals(conversation, effect, settings, snapshot)
        await self._publisher.event(_ended_event(conversation, entry, effect.ended, goal_reached, usage))
        return await self._count(conversation, effect.ended, goal_reached)

    async def whole_usage(self, conversation: str, snapshot: ConversationSnapshot) -> Usage | None:
        """What a conversation that has just ended cost, where its run's account was told all of it; else None.

        The transcript is closed: what the snapshot holds of it stands. What is booked beside it is read after its end,
        as a look that begins anew would read it.
        """
        if not snapshot.spent:
            return None
        rows, generations = await asyncio.gather(
            self._store.usage.of_conversation(conversation), self._generations(conversation, snapshot)
        )
        judged = sum((generation.usage for generation in generations), Usage())
        told = sum((figure.usage for figure in snapshot.spent if figure.part == "judge"), Usage())
        return total(snapshot.spent) if not rows and judged == told else None

    async def _generations(self, conversation: str, snapshot: ConversationSnapshot) -> list[Generation]:
        """What was generated beside its messages: nothing where one message was all that was ever asked for."""
        return [] if snapshot.only is not None else await self._store.generations.of_conversation(conversation)

    async def set_totals(
        self,
        conversation: str,
        effect: Close,
        settings: ConversationSettings,
        snapshot: ConversationSnapshot | None = None,
    ) -> tuple[Entry, Usage]:
        """Sets what an ended conversation adds up to, by aggregation: repeating it sets the same or the truer.

        What a `snapshot` holds of its end is not read again: a row that appears later has the totals set once more.
        """
        if snapshot is None or snapshot.end is None or snapshot.usage is None:
            entry, usage = await self._ended_entry(conversation, effect), await self._usage(conversation)
        else:
            entry, usage = snapshot.end, snapshot.usage
        await self._store.conversations.set_totals(
            conversation,
            reason=effect.ended.reason,
            goal_reached=reached(settings, effect.ended),
            decided_by=effect.ended.decided_by,
            messages=effect.ended.seq - 1,
            usage=usage,
            ended_at=entry.created_at,
        )
        return entry, usage

    async def _ended_entry(self, conversation: str, effect: Close) -> Entry:
        entry = await self._store.entries.at(conversation, effect.ended.seq)
        if entry is None:
            raise NotYet(f"the end of {conversation} is not readable")
        return entry

    async def _usage(self, conversation: str) -> Usage:
        """What a conversation cost, late rows included."""
        figures = spent_figures(
            await self._store.entries.heads(conversation),
            await self._store.generations.of_conversation(conversation),
            await self._store.usage.of_conversation(conversation),
        )
        return total(figures)

    async def _count(self, conversation: str, ended: Ended, goal_reached: bool | None) -> Run:
        run_id, index = run_of(conversation), conversation_index(conversation)
        single = (await run_settings(self._store, run_id)).total == 1
        outcome = Outcome(ended_reason=ended.reason, goal_reached=goal_reached) if single else None
        run = await self._store.runs.count(run_id, index, ended.reason in FAILED, outcome)
        if run is None:
            raise UnknownRun(run_id)
        if run.rules.answers:
            # Its end follows at once, and says all of it.
            return run
        sequence = await self._publisher.event(Progressed.of(run))
        await self._store.runs.note_event(run_id, sequence, now())
        return run


def reached(settings: ConversationSettings, ended: Ended) -> bool | None:
    """Whether the goal was reached; null where nothing is judged."""
    return ended.reason is EndedReason.GOAL if settings.judged else None


def _ended_event(
    conversation: str, entry: Entry, ended: Ended, goal_reached: bool | None, usage: Usage
) -> ConversationEnded:
    return ConversationEnded(
        run_id=run_of(conversation),
        at=entry.created_at,
        conversation_id=conversation,
        ended_reason=ended.reason,
        goal_reached=goal_reached,
        decided_by=ended.decided_by,
        messages=ended.seq - 1,
        usage=UsageView.of(usage),
        error=entry.error,
    )
