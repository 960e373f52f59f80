"""Looking at a run: announce it, start or end what is owed, and hand it on when everything is counted.

A conversation that cannot be looked at holds up none of the others. Where that is for good, it ends by `error`; where
our own code failed, the look is repeated once, and the second time (`end_failing`) it ends, too.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Literal

from orchestrator.conversations import ConversationLooks, Counted
from orchestrator.decide_run import (
    EndConversation,
    EndRun,
    RequestReport,
    RunEffect,
    RunFacts,
    StartConversation,
    decide_run,
)
from orchestrator.effects import Effects
from orchestrator.proofs import at_start
from shared.contracts.conversations import Conversation
from shared.contracts.enums import RunStatus, Wanted
from shared.contracts.events import ControlChanged, RunStarted
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.work import ReportRequested, RunCommanded
from shared.errors import PermanentError, StaleMessage, Taken, UnknownRun
from shared.messaging.failures import PASSING
from shared.messaging.publisher import Publisher
from shared.reported_failures import failure_of
from shared.run_endings import end_answer, end_run
from shared.storage import Store
from shared.storage.accounts import Begin

AT_ONCE = 32


class RunLooks:
    """Looks at runs. A look at everything ends by saying which control version it made true."""

    def __init__(self, store: Store, publisher: Publisher, effects: Effects, conversations: ConversationLooks) -> None:
        self._store = store
        self._publisher = publisher
        self._effects = effects
        self._conversations = conversations

    async def on_command(self, command: RunCommanded, first: bool) -> None:
        """A command says where to look, never what to do there."""
        conversation = command.conversation_id
        if conversation is None:
            await self.on_run(command.run_id, first)
        elif first and command.stored_at is not None:
            await self.on_message(command, conversation)
        else:
            await self.on_conversation(command.run_id, conversation)

    async def on_run(self, run_id: str, first: bool) -> None:
        """A look at all of a run: it starts, its control has changed, or it is swept."""
        run = await self._run(run_id)
        if run.ended_at is not None:
            await self._complete_end(run)
            return
        await self._look(run, first)

    async def on_conversation(self, run_id: str, conversation: str) -> None:
        """A look at one conversation of a run that has not ended."""
        run = await self._run(run_id)
        if run.ended_at is not None:
            await self._complete_end(run)
            return
        await self.on_counted(await self._conversations.reconcile(conversation))

    async def on_message(self, command: RunCommanded, conversation: str) -> None:
        """A chat's message that comes for the first time needs no look at its run: its account says what is wanted."""
        await self.on_counted(await self._conversations.on_message(command, conversation))

    async def look_ending_failing(self, run_id: str) -> None:
        """A look at everything that ends by error each conversation it fails for. Raises what is not one's own."""
        await self._look(await self._run(run_id), first=False, end_failing=True)

    async def on_counted(self, *counted: Counted | None, end_failing: bool = False) -> None:
        """What each count owes its run: the start at its position, or the report after the last one.

        A conversation that starts may end at once (a budget that is spent) and owe the next start: a loop, not a
        recursion, and it ends because every count is a conversation's only one.
        """
        waiting = deque(one for one in counted if one is not None)
        while waiting:
            one = waiting.popleft()
            facts = RunFacts.of(one.run, position=one.run.ended.index(one.index) + 1)
            for effect in decide_run(facts, now()):
                if isinstance(effect, EndRun) and one.only is not None and one.run.total == 1:
                    await end_answer(self._store, self._publisher, one.run, one.only)
                    await self._forget(one.run)
                    continue
                after = await self._perform(one.run, effect, one.first, end_failing)
                if after is not None:
                    waiting.append(after)

    async def _look(self, run: Run, first: bool, end_failing: bool = False) -> None:
        # A run that had not started has no conversation that began before.
        begun_before = await self._store.conversations.begun(run.id) if run.started_at else set()
        run, begin = await self._announce(run)
        effects = decide_run(RunFacts.of(run), now())
        if begin and not any(isinstance(effect, StartConversation) for effect in effects):
            await self._store.runs.start(run.id, begin[0].at, begin[0].deadline_at, begin[0].sequence)
        await self._make_so(run, effects, first, begin, end_failing)
        if not any(isinstance(effect, EndConversation) for effect in effects):
            await self._look_at_open(run, begun_before, end_failing)
        if run.control.handled < run.control.version:
            await self._handle_control(run)
        await self._forget(run)

    async def _complete_end(self, run: Run) -> None:
        """Closed is closed; only its last fact may still be owed."""
        if run.end_sequence is None:
            await end_run(self._store, self._publisher, run.id)
        await self._forget(run)

    async def _forget(self, run: Run) -> None:
        """Takes back at once what was told of a chat that was deleted; the rest is the sweeper's (expiry.py)."""
        if run.is_forgotten(now()):
            await self._publisher.forget(run.id)

    async def _announce(self, run: Run) -> tuple[Run, tuple[Begin, ...]]:
        """The first effect of a run's first look is the fact `run.started`, also when it was cancelled before.

        The run as it is once it has begun, and the change that says so: it goes with the first update of its account.
        """
        if run.started_at is not None:
            return run, ()
        sequence, moment = await self._publisher.event(RunStarted.of(run)), now()
        begin = Begin(sequence, moment, moment + timedelta(seconds=run.settings.time_limit_seconds))
        begun = {"started_at": moment, "deadline_at": begin.deadline_at, "status": RunStatus.RUNNING}
        return run.model_copy(update=begun), (begin,)

    async def _make_so(
        self, run: Run, effects: tuple[RunEffect, ...], first: bool, begin: tuple[Begin, ...], end_failing: bool
    ) -> None:
        """Performs what is owed, some dozens at once; control is read again between them."""
        for place in range(0, len(effects), AT_ONCE):
            if place and await self._control_changed(run):
                return
            some = effects[place : place + AT_ONCE]
            await self._all([self._perform(run, effect, first, end_failing, begin) for effect in some], end_failing)

    async def _all(self, looks: Sequence[Awaitable[Counted | None]], end_failing: bool) -> None:
        """Every look to its end, and what each count owes; then raises what one of them raised."""
        results = await asyncio.gather(*looks, return_exceptions=True)
        await self.on_counted(*(one for one in results if not isinstance(one, BaseException)), end_failing=end_failing)
        for one in results:
            if isinstance(one, BaseException):
                raise one

    async def _perform(
        self, run: Run, effect: RunEffect, first: bool, end_failing: bool, begin: tuple[Begin, ...] = ()
    ) -> Counted | None:
        if isinstance(effect, StartConversation):
            return await self._one(run, effect.index, self._start(run, effect.index, first, begin), end_failing)
        if isinstance(effect, EndConversation):
            return await self._one(run, effect.index, self._end(run, effect.index), end_failing)
        if isinstance(effect, RequestReport):
            await self._publisher.work(ReportRequested(run_id=run.id, at=now()))
        if isinstance(effect, EndRun):
            await end_run(self._store, self._publisher, run.id)
        return None

    async def _one(self, run: Run, index: int, look: Awaitable[Counted | None], end_failing: bool) -> Counted | None:
        """A look at one conversation; what cannot be looked at for good is ended."""
        try:
            return await look
        except (UnknownRun, StaleMessage, *PASSING):
            raise
        except Exception as error:
            if not (end_failing or isinstance(error, PermanentError)):
                raise
            await self._begin(run, index)
            return await self._conversations.close_off(run.conversation_id(index), failure_of(error))

    async def _end(self, run: Run, index: int) -> Counted | None:
        await self._begin(run, index)
        return await self._conversations.reconcile(run.conversation_id(index))

    async def _begin(self, run: Run, index: int) -> None:
        with suppress(Taken):
            await self._store.conversations.insert(_conversation(run, index))

    async def _start(self, run: Run, index: int, first: bool, begin: tuple[Begin, ...]) -> Counted | None:
        """Begins a conversation and looks at it, which gives it its given messages."""
        conversation = _conversation(run, index)
        snapshot = at_start(run.settings.conversation(index), run.rules.purpose, conversation.clock_started_at)
        return await self._conversations.on_start(conversation, snapshot, begin, first)

    async def _look_at_open(self, run: Run, indexes: set[int], end_failing: bool) -> None:
        """A look at every conversation that had begun and is not counted."""
        still_open = sorted(indexes - set(run.ended))
        for begin in range(0, len(still_open), AT_ONCE):
            some = still_open[begin : begin + AT_ONCE]
            looks = [(index, self._conversations.reconcile(run.conversation_id(index))) for index in some]
            await self._all([self._one(run, index, look, end_failing) for index, look in looks], end_failing)

    async def _handle_control(self, run: Run) -> None:
        """A change of control is made true: its hint, which a pause has when nothing is in flight any more."""
        version = run.control.version
        if run.control.wanted is Wanted.PAUSE:
            await self._effects.show_paused(run.id, version)
        elif version > 1:
            kind: Literal["run.resumed", "run.canceled"] = (
                "run.resumed" if run.control.wanted is Wanted.RUN else "run.canceled"
            )
            await self._publisher.event(ControlChanged(run_id=run.id, at=now(), type=kind, version=version))
        await self._store.runs.handled(run.id, version)

    async def _control_changed(self, run: Run) -> bool:
        control = await self._store.runs.control(run.id)
        return control is not None and control.version != run.control.version

    async def _run(self, run_id: str) -> Run:
        run = await self._store.runs.get(run_id)
        if run is None:
            raise UnknownRun(run_id)
        return run


def _conversation(run: Run, index: int) -> Conversation:
    """Its conversation `index`, as it begins now."""
    settings, moment = run.settings.conversation(index), now()
    clock = moment - timedelta(seconds=run.paused_seconds)
    return Conversation(
        id=run.conversation_id(index),
        run_id=run.id,
        tenant=run.tenant,
        index=index,
        started_at=moment,
        clock_started_at=clock,
        deadline_at=clock + timedelta(seconds=settings.time_limit_seconds),
    )
