"""Looking at a conversation: gather, decide, make it so, until nothing new is owed."""

from dataclasses import dataclass, replace
from datetime import timedelta

from orchestrator.decide import Close, ConversationFacts, Effect, End, Give, RequestJudge, RequestMessage, decide
from orchestrator.effects import Effects, Request, judge_place
from orchestrator.facts import Gathered, proven, read, read_after, settings_of
from shared.contracts.identity import conversation_index, run_of
from shared.contracts.record import now
from shared.contracts.runs import Run
from shared.contracts.settings import ConversationSettings
from shared.contracts.words import Purpose, Stage, Wanted
from shared.contracts.work import GenerationStored
from shared.errors import TransientError, UnknownRun
from shared.storage import Store
from shared.storage.accounts import AccountChange, Change, Noticed, Settle
from shared.storage.runs import Glance

PASSES = 8


@dataclass(frozen=True, slots=True)
class Counted:
    """A conversation whose end this look has counted, or found counted: its run as it is since."""

    run: Run
    index: int
    first: bool


class ConversationLooks:
    """Looks at one conversation. A look that closes it answers with the run as counted."""

    def __init__(self, store: Store, effects: Effects) -> None:
        self._store = store
        self._effects = effects

    async def on_done(self, done: GenerationStored, first: bool) -> Counted | None:
        """A look that a done triggered: `first` where neither it nor its job was delivered before."""
        conversation = str(done.conversation_id)
        self._effects.heard(done)
        settings, purpose = await settings_of(self._store, conversation)
        noticed = await self._noticed(conversation, done)
        gathered = await self._gathered(done, settings, purpose) if first else None
        return await self._look(conversation, gathered, noticed, first)

    async def on_start(self, conversation: str, gathered: Gathered, first: bool) -> Counted | None:
        """A look at a conversation this very look has begun: its given messages come first."""
        await self._effects.give(conversation, gathered.facts.settings)
        return await self._look(conversation, gathered, (), first)

    async def on_sign(self, conversation: str) -> Counted | None:
        """A look that proves nothing: a command or a sweep. It reads everything."""
        return await self._look(conversation, None, (), first=False)

    async def rest(self, run: Run) -> None:
        """Shows a run that is wanted to pause as paused where no conversation's look will."""
        await self._effects.rest(run.id, run.control.version)

    async def _look(
        self, conversation: str, gathered: Gathered | None, noticed: tuple[Change, ...], first: bool
    ) -> Counted | None:
        for _ in range(PASSES):
            if gathered is None:
                gathered = await self._read(conversation, first)
            again, counted = await self._pass(conversation, gathered, noticed, first)
            if not again:
                return counted
            gathered, noticed = None, ()
        raise TransientError(f"{conversation} kept changing while it was looked at")

    async def _read(self, conversation: str, first: bool) -> Gathered:
        settings, purpose = await settings_of(self._store, conversation)
        gathered = await read(self._store, conversation, settings, purpose)
        await self._effects.publish_unproven(conversation, gathered, first)
        return gathered

    async def _gathered(
        self, done: GenerationStored, settings: ConversationSettings, purpose: Purpose
    ) -> Gathered | None:
        """The facts after a first done: proven by it, else read where it leaves them open; None: read everything."""
        gathered = proven(done, settings, purpose)
        if gathered is not None:
            return gathered
        gathered = await read_after(self._store, done, settings, purpose)
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
        hoped = decide(gathered.facts, now())
        glance = await self._account(conversation, gathered, noticed, hoped)
        facts = _with_glance(gathered, glance, hoped)
        if facts.wanted is Wanted.PAUSE:
            await self._effects.rest(run_of(conversation), glance.control.version)
        again = False
        for effect in decide(facts, now()):
            if isinstance(effect, RequestJudge) and effect not in granted(hoped, glance):
                await self._effects.refuse_judge(conversation, effect)
                again = True
                continue
            ended, counted = await self._perform(conversation, replace(gathered, facts=facts), effect, first)
            if counted is not None:
                return False, counted
            again = again or ended
        return again, None

    async def _perform(
        self, conversation: str, gathered: Gathered, effect: Effect, first: bool
    ) -> tuple[bool, Counted | None]:
        if isinstance(effect, Close):
            run = await self._effects.close(conversation, effect, gathered)
            return False, Counted(run, conversation_index(conversation), first)
        if isinstance(effect, End):
            # Inserted or taken, the look begins anew: it closes what stands there, or sees the message that was faster.
            await self._effects.end(conversation, effect)
            return True, None
        if isinstance(effect, Give):
            await self._effects.give(conversation, gathered.facts.settings, effect.seq)
            return True, None
        await self._effects.request(conversation, gathered, effect, first)
        return False, None

    async def _account(
        self, conversation: str, gathered: Gathered, noticed: tuple[Change, ...], hoped: tuple[Effect, ...]
    ) -> Glance:
        reserves = tuple(
            self._effects.reservation(gathered.facts.settings, effect)
            for effect in hoped
            if isinstance(effect, RequestMessage | RequestJudge)
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
        if not sequence or done.stored_at is None:
            return (settle,)
        return (settle, Noticed(sequence, done.stored_at, 0 if judged else seq))


def granted(hoped: tuple[Effect, ...], glance: Glance) -> frozenset[Request]:
    """The requests whose slot holds their seq, or has gone past it."""
    return frozenset(
        effect
        for effect in hoped
        if (isinstance(effect, RequestMessage) and glance.slots.turn >= effect.seq)
        or (isinstance(effect, RequestJudge) and glance.slots.judge >= judge_place(effect.seq, effect.stage))
    )


def _with_glance(gathered: Gathered, glance: Glance, hoped: tuple[Effect, ...]) -> ConversationFacts:
    """The facts with what the run said: control, deadline, and which message the budget refused."""
    facts = gathered.facts
    limit = timedelta(seconds=facts.settings.time_limit_seconds + glance.paused_seconds)
    taken = granted(hoped, glance)
    refused = {e.seq for e in hoped if isinstance(e, RequestMessage) and e not in taken}
    return replace(
        facts,
        wanted=glance.control.wanted,
        deadline_at=min(glance.due_at, gathered.clock_started_at + limit),
        refused=frozenset(refused),
    )
