"""Looking at a conversation: gather, decide, make it so, until nothing new is owed."""

import asyncio
from dataclasses import dataclass, replace

from orchestrator.accounting import Owed, result_changes
from orchestrator.assignments import settings_of
from orchestrator.closing import Closing
from orchestrator.conversation_facts import Ended
from orchestrator.decide import (
    Close,
    Effect,
    End,
    FailAnswer,
    Give,
    RequestJudge,
    RequestMemory,
    RequestMessage,
    decide,
)
from orchestrator.effects import Effects
from orchestrator.given_messages import GivenMessages
from orchestrator.job_factory import JobFactory
from orchestrator.proofs import proven_by_command, proven_by_done
from orchestrator.snapshots import ConversationSnapshot, read_after_done, read_everything
from shared.contracts.conversations import Conversation
from shared.contracts.enums import Purpose, Wanted
from shared.contracts.identity import conversation_index, run_of
from shared.contracts.money import UNBOUNDED_NANOS
from shared.contracts.runs import Run
from shared.contracts.settings import ConversationSettings
from shared.contracts.timestamps import now
from shared.contracts.transcript import Failure, Usage
from shared.contracts.work import GenerationStored, RunCommanded
from shared.errors import Taken, TransientError, UnknownRun
from shared.settings import ChatSettings
from shared.storage import Store
from shared.storage.accounts import AccountChange, Change
from shared.storage.run_accounts import RunAccountView

PASSES = 8


@dataclass(frozen=True, slots=True)
class Counted:
    """A conversation whose end this look has counted, or found counted: its run as it is since.

    `only` as in `ConversationSnapshot`.
    """

    run: Run
    index: int
    first: bool
    only: Usage | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What one pass of a look came to: whether the look must begin anew, and the end that it counted."""

    again: bool = False
    counted: Counted | None = None


class ConversationLooks:
    """Looks at one conversation. A look that closes it answers with the run as counted."""

    def __init__(
        self,
        store: Store,
        effects: Effects,
        closing: Closing,
        given: GivenMessages,
        jobs: JobFactory,
        settings: ChatSettings,
    ) -> None:
        self._store = store
        self._effects = effects
        self._closing = closing
        self._given = given
        self._jobs = jobs
        self._memory_starts = settings.summary_starts_tokens

    async def on_done(self, done: GenerationStored, first: bool) -> Counted | None:
        """A look that a done triggered: `first` where neither it nor its job was delivered before."""
        conversation = str(done.conversation_id)
        settings, purpose = await settings_of(self._store, conversation)
        changes = result_changes(done, await self._effects.publish_result(conversation, done))
        snapshot = await self._snapshot(done, settings, purpose) if first else None
        return await self._look(conversation, self._owed(snapshot) if snapshot else None, changes, first)

    async def on_start(
        self, conversation: Conversation, snapshot: ConversationSnapshot, changes: tuple[Change, ...], first: bool
    ) -> Counted | None:
        """A look that begins a conversation: its given messages come first.

        The conversation, its messages (and their facts) and the run's account are written at once; nothing is asked
        for before all of them stand. One that has begun already was begun by another look, which may have died before
        it looked: only a repeated one must see to it.
        """
        owed = self._owed(snapshot)
        new, failure, view = await asyncio.gather(
            self._begin(conversation),
            self._given.publish(conversation.id, snapshot.facts.settings),
            self._account(conversation.id, owed, changes),
        )
        if failure is not None:
            return await self.close_off(conversation.id, failure)
        if not new:
            return None if first else await self.reconcile(conversation.id)
        looked = await self._act(conversation.id, owed, view, first)
        return await self._look(conversation.id, None, (), first) if looked.again else looked.counted

    async def close_off(self, conversation: str, failure: Failure) -> Counted | None:
        """Ends a conversation that has begun and cannot be looked at as it is, and looks at its end."""
        await self._effects.close_off(conversation, failure)
        return await self.reconcile(conversation)

    async def _begin(self, conversation: Conversation) -> bool:
        try:
            await self._store.conversations.insert(conversation)
        except Taken:
            return False
        return True

    async def on_message(self, command: RunCommanded, conversation: str) -> Counted | None:
        """A look at a chat whose person has said something: the first delivery of the command says it all."""
        settings, purpose = await settings_of(self._store, conversation)
        snapshot = proven_by_command(command, settings, purpose)
        if snapshot is None:
            return await self.reconcile(conversation)
        owed = self._owed(snapshot)
        messages = [effect for effect in owed.effects if isinstance(effect, RequestMessage)]
        if len(messages) < len(owed.effects):
            # No runner will publish the message's fact before what is owed: that look does.
            return await self.reconcile(conversation)
        run = await self._store.runs.settings(run_of(conversation))
        if run is None or run.max_budget_nanos < UNBOUNDED_NANOS:
            return await self._look(conversation, owed, (), True)
        # Where the budget bounds nothing there is nothing to reserve, and what is wanted the runner reads itself: the
        # run's account is left to the look at the answer.
        for effect in messages:
            await self._effects.request(conversation, owed.snapshot, effect, first=True)
        return None

    async def reconcile(self, conversation: str) -> Counted | None:
        """A look that proves nothing: a command or a sweep. It reads everything."""
        return await self._look(conversation, None, (), first=False)

    async def _look(
        self, conversation: str, owed: Owed | None, changes: tuple[Change, ...], first: bool
    ) -> Counted | None:
        """Passes until nothing new is owed; without an `owed` that its trigger proves it begins by reading."""
        for _ in range(PASSES):
            if owed is None:
                snapshot, published = await self._read(conversation, first)
                owed, changes = self._owed(snapshot), (*changes, *published)
            view = await self._account(conversation, owed, changes)
            looked = await self._act(conversation, owed, view, first)
            if not looked.again:
                return looked.counted
            owed, changes = None, ()
        raise TransientError(f"{conversation} kept changing while it was looked at")

    async def _read(self, conversation: str, first: bool) -> tuple[ConversationSnapshot, tuple[Change, ...]]:
        """Everything, and what its facts, published now, say to the run's account."""
        settings, purpose = await settings_of(self._store, conversation)
        snapshot = await read_everything(self._store, conversation, settings, purpose, self._memory_starts)
        return snapshot, await self._effects.publish_unproven(conversation, snapshot, first)

    async def _snapshot(
        self, done: GenerationStored, settings: ConversationSettings, purpose: Purpose
    ) -> ConversationSnapshot | None:
        """The facts after a first done: proven by it, else read where it leaves them open; None: read everything."""
        snapshot = proven_by_done(done, settings, purpose, self._memory_starts)
        if snapshot is not None:
            return snapshot
        snapshot = await read_after_done(self._store, done, settings, purpose, self._memory_starts)
        if snapshot is not None:
            await self._effects.publish_unproven(str(done.conversation_id), snapshot, first=True)
        return snapshot

    def _owed(self, snapshot: ConversationSnapshot) -> Owed:
        """What would be owed; a message whose model nobody knows any more has failed for good."""
        effects = decide(snapshot.facts, now())
        unknown = self._jobs.unknown_models(snapshot.facts.settings, effects)
        if not unknown:
            return Owed(snapshot, effects)
        facts = replace(snapshot.facts, failures={**snapshot.facts.failures, **unknown})
        return Owed(replace(snapshot, facts=facts), decide(facts, now()))

    async def _account(self, conversation: str, owed: Owed, changes: tuple[Change, ...]) -> RunAccountView:
        """Tells the run's account what is new, and reserves what is owed."""
        reserves = (self._jobs.reservation(owed.snapshot.facts.settings, request) for request in owed.requests)
        change = AccountChange(conversation_index(conversation), (*changes, *owed.snapshot.spent, *reserves))
        view = await self._store.runs.account(run_of(conversation), change)
        if view is None:
            raise UnknownRun(run_of(conversation))
        return view

    async def _act(self, conversation: str, owed: Owed, view: RunAccountView, first: bool) -> Looked:
        """Performs what is owed by what the run said."""
        facts, reserved = owed.facts(view), owed.reserved(view)
        if facts.wanted is Wanted.PAUSE:
            await self._effects.show_paused(run_of(conversation), view.control.version)
        again = False
        for effect in decide(facts, now()):
            if isinstance(effect, RequestMemory) and effect not in reserved:
                # What the budget does not hold is left to the window: it drops what is oldest.
                continue
            if isinstance(effect, RequestJudge) and effect not in reserved:
                await self._effects.refuse_judge(conversation, effect)
                again = True
                continue
            looked = await self._perform(conversation, replace(owed.snapshot, facts=facts), effect, first)
            if looked.counted is not None:
                return looked
            again = again or looked.again
        return Looked(again)

    async def _perform(self, conversation: str, snapshot: ConversationSnapshot, effect: Effect, first: bool) -> Looked:
        if isinstance(effect, Close):
            return await self._close(conversation, snapshot, effect, first)
        if isinstance(effect, End):
            return await self._end(conversation, snapshot, effect, first)
        if isinstance(effect, FailAnswer):
            await self._effects.fail_answer(conversation, effect)
            return Looked(again=True)
        if isinstance(effect, Give):
            if failure := await self._given.publish(conversation, snapshot.facts.settings, effect.seq):
                await self.close_off(conversation, failure)
            return Looked(again=True)
        await self._effects.request(conversation, snapshot, effect, first)
        return Looked()

    async def _end(self, conversation: str, snapshot: ConversationSnapshot, effect: End, first: bool) -> Looked:
        """Inserted, it is closed at once where all that it cost is known.

        Else the look begins anew: it reads what it cost, closes what stands there, or sees the message that was faster.
        """
        end = await self._effects.end(conversation, effect)
        whole = await self._closing.whole(conversation, snapshot, end) if end is not None else None
        if whole is None:
            return Looked(again=True)
        close = Close(Ended(effect.seq, effect.reason, effect.decided_by))
        return await self._close(conversation, whole, close, first)

    async def _close(self, conversation: str, snapshot: ConversationSnapshot, effect: Close, first: bool) -> Looked:
        run = await self._closing.close(conversation, effect, snapshot)
        return Looked(counted=Counted(run, conversation_index(conversation), first, snapshot.only))
