"""The closing effects of a conversation, up to its count (docs/protocol.md section 5): all can be repeated."""

import asyncio
from dataclasses import replace
from typing import NamedTuple

from orchestrator.assignments import run_settings
from orchestrator.conversation_facts import Ended
from orchestrator.decide import Close
from orchestrator.snapshots import ConversationSnapshot
from orchestrator.spending import spent_figures, total
from shared.contracts.endings import FAILED
from shared.contracts.enums import EndedReason
from shared.contracts.events import ConversationEnded, Progressed
from shared.contracts.generations import Generation, substituted
from shared.contracts.identity import conversation_index, run_of
from shared.contracts.runs import Outcome, Run
from shared.contracts.settings import ConversationSettings
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, Usage, UsageView
from shared.errors import NotYet, UnknownRun
from shared.messaging.publisher import Publisher
from shared.storage import Store


class Totals(NamedTuple):
    """What an ended conversation adds up to: its end, what it cost, and whether another model spoke or judged in it."""

    end: Entry
    usage: Usage
    substituted: bool


class Closing:
    """What follows an `ended`, whoever inserted it."""

    def __init__(self, store: Store, publisher: Publisher) -> None:
        self._store = store
        self._publisher = publisher

    async def close(self, conversation: str, effect: Close, snapshot: ConversationSnapshot) -> Run:
        """The closing effects up to the count; returns the run as counted."""
        settings = snapshot.facts.settings
        goal_reached = reached(settings, effect.ended)
        end = await self.set_totals(conversation, effect, settings, snapshot)
        await self._publisher.event(_ended_event(conversation, end, effect.ended, goal_reached))
        return await self._count(conversation, effect.ended, goal_reached)

    async def whole(self, conversation: str, snapshot: ConversationSnapshot, end: Entry) -> ConversationSnapshot | None:
        """The snapshot with a conversation's `end` and what it cost, where its account was told all of it; else None.

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
        if rows or judged != told:
            return None
        by_another = snapshot.substituted or substituted((), generations)
        return replace(snapshot, end=end, usage=total(snapshot.spent), substituted=by_another)

    async def _generations(self, conversation: str, snapshot: ConversationSnapshot) -> list[Generation]:
        """What was generated beside its messages: nothing where one message was all that was ever asked for."""
        return [] if snapshot.only is not None else await self._store.generations.of_conversation(conversation)

    async def set_totals(
        self,
        conversation: str,
        effect: Close,
        settings: ConversationSettings,
        snapshot: ConversationSnapshot | None = None,
    ) -> Totals:
        """Sets what an ended conversation adds up to, by aggregation: repeating it sets the same or the truer.

        What a `snapshot` holds of its end is not read again: a row that appears later has the totals set once more.
        """
        if snapshot is None or snapshot.end is None or snapshot.usage is None:
            totals = await self._totals(conversation, await self._ended_entry(conversation, effect))
        else:
            totals = Totals(snapshot.end, snapshot.usage, snapshot.substituted)
        await self._store.conversations.set_totals(
            conversation,
            reason=effect.ended.reason,
            goal_reached=reached(settings, effect.ended),
            decided_by=effect.ended.decided_by,
            messages=effect.ended.seq - 1,
            usage=totals.usage,
            ended_at=totals.end.created_at,
            substituted=totals.substituted,
        )
        return totals

    async def _ended_entry(self, conversation: str, effect: Close) -> Entry:
        entry = await self._store.entries.at(conversation, effect.ended.seq)
        if entry is None:
            raise NotYet(f"the end of {conversation} is not readable")
        return entry

    async def _totals(self, conversation: str, end: Entry) -> Totals:
        """What a conversation adds up to, late rows included."""
        entries = await self._store.entries.heads(conversation)
        generations = await self._store.generations.of_conversation(conversation)
        figures = spent_figures(entries, generations, await self._store.usage.of_conversation(conversation))
        return Totals(end, total(figures), substituted(entries, generations))

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


def _ended_event(conversation: str, totals: Totals, ended: Ended, goal_reached: bool | None) -> ConversationEnded:
    return ConversationEnded(
        run_id=run_of(conversation),
        at=totals.end.created_at,
        conversation_id=conversation,
        ended_reason=ended.reason,
        goal_reached=goal_reached,
        decided_by=ended.decided_by,
        messages=ended.seq - 1,
        usage=UsageView.of(totals.usage),
        substituted=totals.substituted,
        error=totals.end.error,
    )
