"""Looking at a conversation: gather, decide, make it so, until nothing new is owed."""

import asyncio
from dataclasses import dataclass, replace

from orchestrator.asking import judge_place
from orchestrator.decide import (
    Apologize,
    Close,
    Effect,
    End,
    Ended,
    Give,
    RequestJudge,
    RequestMemory,
    RequestMessage,
    decide,
)
from orchestrator.effects import Effects
from orchestrator.facts import Gathered, asked, proven, read, read_after, settings_of
from orchestrator.glances import granted, with_glance
from shared.contracts.conversations import Conversation
from shared.contracts.identity import conversation_index, run_of
from shared.contracts.money import UNBOUNDED_NANOS
from shared.contracts.record import now
from shared.contracts.runs import Run
from shared.contracts.settings import ConversationSettings
from shared.contracts.transcript import Failure, Usage
from shared.contracts.words import Purpose, Stage, Wanted
from shared.contracts.work import GenerationStored, RunCommanded
from shared.errors import NotStorable, Taken, TransientError, UnknownRun
from shared.failing import failure_of
from shared.settings import ChatSettings
from shared.storage import Store
from shared.storage.accounts import AccountChange, Change, Noticed, Settle
from shared.storage.run_accounts import Glance

PASSES = 8


@dataclass(frozen=True, slots=True)
class Counted:
    """A conversation whose end this look has counted, or found counted: its run as it is since.

    `only` as in `Gathered`.
    """

    run: Run
    index: int
    first: bool
    only: Usage | None = None


class ConversationLooks:
    """Looks at one conversation. A look that closes it answers with the run as counted."""

    def __init__(self, store: Store, effects: Effects, settings: ChatSettings) -> None:
        self._store = store
        self._effects = effects
        self._memory_starts = settings.summary_starts_tokens

    async def on_done(self, done: GenerationStored, first: bool) -> Counted | None:
        """A look that a done triggered: `first` where neither it nor its job was delivered before."""
        conversation = str(done.conversation_id)
        self._effects.heard(done)
        settings, purpose = await settings_of(self._store, conversation)
        noticed = await self._noticed(conversation, done)
        gathered = await self._gathered(done, settings, purpose) if first else None
        return await self._look(conversation, gathered, noticed, first)

    async def on_start(
        self, conversation: Conversation, gathered: Gathered, noticed: tuple[Change, ...], first: bool
    ) -> Counted | None:
        """A look that begins a conversation: its given messages come first.

        The conversation, its messages (and their facts) and the run's account are written at once; nothing is asked
        for before all of them stand. One that has begun already was begun by another look, which may have died before
        it looked: only a repeated one must see to it.
        """
        gathered, hoped = self._hoped(gathered)
        new, failure, glance = await asyncio.gather(
            self._begin(conversation),
            self._give(conversation.id, gathered.facts.settings),
            self._account(conversation.id, gathered, hoped, noticed),
        )
        if failure is not None:
            return await self.end_apart(conversation.id, failure)
        if not new:
            return None if first else await self.on_sign(conversation.id)
        again, counted = await self._act(conversation.id, gathered, hoped, glance, first)
        return await self._look(conversation.id, None, (), first) if again else counted

    async def _give(self, conversation: str, settings: ConversationSettings, begin: int = 1) -> Failure | None:
        """Why the given messages cannot stand, or None where they do."""
        try:
            await self._effects.giving.give(conversation, settings, begin)
        except NotStorable as error:
            return failure_of(error)
        return None

    async def end_apart(self, conversation: str, failure: Failure) -> Counted | None:
        """Ends a conversation that has begun and cannot be looked at as it is, and looks at its end."""
        await self._effects.close_off(conversation, failure)
        return await self.on_sign(conversation)

    async def _begin(self, conversation: Conversation) -> bool:
        try:
            await self._store.conversations.insert(conversation)
        except Taken:
            return False
        return True

    async def on_message(self, command: RunCommanded, conversation: str) -> Counted | None:
        """A look at a chat whose person has said something: the first delivery of the command says it all."""
        settings, purpose = await settings_of(self._store, conversation)
        gathered = asked(command, settings, purpose)
        if gathered is None:
            return await self.on_sign(conversation)
        gathered, owed = self._hoped(gathered)
        messages = [effect for effect in owed if isinstance(effect, RequestMessage)]
        if len(messages) < len(owed):
            # No runner will publish the message's fact before what is owed: that look does.
            return await self.on_sign(conversation)
        run = await self._store.runs.settings(run_of(conversation))
        if run is None or run.max_budget_nanos < UNBOUNDED_NANOS:
            return await self._look(conversation, gathered, (), True)
        # Where the budget bounds nothing there is nothing to reserve, and what is wanted the runner reads itself: the
        # run's account is left to the look at the answer.
        for effect in messages:
            await self._effects.request(conversation, gathered, effect, first=True)
        return None

    async def on_sign(self, conversation: str) -> Counted | None:
        """A look that proves nothing: a command or a sweep. It reads everything."""
        return await self._look(conversation, None, (), first=False)

    async def rest(self, run: Run) -> None:
        """Shows a run that is wanted to pause as paused where no conversation's look will."""
        await self._effects.closing.rest(run.id, run.control.version)

    async def _look(
        self, conversation: str, gathered: Gathered | None, noticed: tuple[Change, ...], first: bool
    ) -> Counted | None:
        for _ in range(PASSES):
            if gathered is None:
                gathered, told = await self._read(conversation, first)
                noticed = (*noticed, *told)
            again, counted = await self._pass(conversation, gathered, noticed, first)
            if not again:
                return counted
            gathered, noticed = None, ()
        raise TransientError(f"{conversation} kept changing while it was looked at")

    async def _read(self, conversation: str, first: bool) -> tuple[Gathered, tuple[Change, ...]]:
        """Everything, and what its facts, published now, say to the run's account."""
        settings, purpose = await settings_of(self._store, conversation)
        gathered = await read(self._store, conversation, settings, purpose, self._memory_starts)
        return gathered, await self._effects.publish_unproven(conversation, gathered, first)

    async def _gathered(
        self, done: GenerationStored, settings: ConversationSettings, purpose: Purpose
    ) -> Gathered | None:
        """The facts after a first done: proven by it, else read where it leaves them open; None: read everything."""
        gathered = proven(done, settings, purpose, self._memory_starts)
        if gathered is not None:
            return gathered
        gathered = await read_after(self._store, done, settings, purpose, self._memory_starts)
        if gathered is not None:
            await self._effects.publish_unproven(str(done.conversation_id), gathered, first=True)
        return gathered

    async def _pass(
        self, conversation: str, gathered: Gathered, noticed: tuple[Change, ...], first: bool
    ) -> tuple[bool, Counted | None]:
        """One round; says whether the look must begin anew, and what an end counted.

        What would be owed if control let it is reserved with the same update that brings control and deadline back,
        so that the common look costs one update; the reservation itself refuses while the run is not wanted to run.
        """
        gathered, hoped = self._hoped(gathered)
        glance = await self._account(conversation, gathered, hoped, noticed)
        return await self._act(conversation, gathered, hoped, glance, first)

    async def _act(
        self, conversation: str, gathered: Gathered, hoped: tuple[Effect, ...], glance: Glance, first: bool
    ) -> tuple[bool, Counted | None]:
        """Performs what is owed by what the run said."""
        facts = with_glance(gathered, glance, hoped)
        if facts.wanted is Wanted.PAUSE:
            await self._effects.closing.rest(run_of(conversation), glance.control.version)
        again = False
        taken = granted(hoped, glance)
        for effect in decide(facts, now()):
            if isinstance(effect, RequestMemory) and effect not in taken:
                # What the budget does not hold is left to the window: it drops what is oldest.
                continue
            if isinstance(effect, RequestJudge) and effect not in taken:
                await self._effects.refuse_judge(conversation, effect)
                again = True
                continue
            ended, counted = await self._perform(conversation, replace(gathered, facts=facts), effect, first)
            if counted is not None:
                return False, counted
            again = again or ended
        return again, None

    def _hoped(self, gathered: Gathered) -> tuple[Gathered, tuple[Effect, ...]]:
        """What would be owed; a message whose model nobody knows any more has failed for good."""
        hoped = decide(gathered.facts, now())
        unknown = self._effects.asking.unknown_models(gathered.facts.settings, hoped)
        if not unknown:
            return gathered, hoped
        facts = replace(gathered.facts, failures={**gathered.facts.failures, **unknown})
        return replace(gathered, facts=facts), decide(facts, now())

    async def _perform(
        self, conversation: str, gathered: Gathered, effect: Effect, first: bool
    ) -> tuple[bool, Counted | None]:
        if isinstance(effect, Close):
            run = await self._effects.closing.close(conversation, effect, gathered)
            return False, Counted(run, conversation_index(conversation), first)
        if isinstance(effect, End):
            return await self._end(conversation, gathered, effect, first)
        if isinstance(effect, Apologize):
            await self._effects.apologize(conversation, effect)
            return True, None
        if isinstance(effect, Give):
            failure = await self._give(conversation, gathered.facts.settings, effect.seq)
            if failure is not None:
                await self.end_apart(conversation, failure)
            return True, None
        await self._effects.request(conversation, gathered, effect, first)
        return False, None

    async def _end(
        self, conversation: str, gathered: Gathered, effect: End, first: bool
    ) -> tuple[bool, Counted | None]:
        """Inserted or taken, the look begins anew: it closes what stands there, or sees the message that was faster.

        But where one message was all that was ever asked for, and no row says that it cost more, all is known.
        """
        end = await self._effects.end(conversation, effect)
        if end is None or gathered.only is None or await self._store.usage.of_conversation(conversation):
            return True, None
        close = Close(Ended(effect.seq, effect.reason, effect.decided_by))
        run = await self._effects.closing.close(conversation, close, replace(gathered, end=end, usage=gathered.only))
        return False, Counted(run, conversation_index(conversation), first, gathered.only)

    async def _account(
        self, conversation: str, gathered: Gathered, hoped: tuple[Effect, ...], noticed: tuple[Change, ...]
    ) -> Glance:
        reserves = tuple(
            self._effects.asking.reservation(gathered.facts.settings, effect)
            for effect in hoped
            if isinstance(effect, RequestMessage | RequestJudge | RequestMemory)
        )
        change = AccountChange(conversation_index(conversation), (*noticed, *gathered.spent, *reserves))
        glance = await self._store.runs.account(run_of(conversation), change)
        if glance is None:
            raise UnknownRun(run_of(conversation))
        return glance

    async def _noticed(self, conversation: str, done: GenerationStored) -> tuple[Change, ...]:
        """A done closes its slot and moves the run's last event; a judge's fact is published here first."""
        sequence, seq = done.event_sequence, done.seq
        judged = done.purpose is Purpose.JUDGE and done.stage is not None
        if done.judgement is not None and done.stored_at is not None:
            sequence = await self._effects.publish_judgement(conversation, done.judgement, done.stored_at)
        settle = Settle("judge", judge_place(seq, Stage(str(done.stage)))) if judged else Settle("turn", seq)
        if done.purpose is Purpose.MEMORY:
            settle = Settle("judge", seq)
        if not sequence or done.stored_at is None:
            return (settle,)
        return (settle, Noticed(sequence, done.stored_at, 0 if judged else seq))
