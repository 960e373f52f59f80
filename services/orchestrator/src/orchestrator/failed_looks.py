"""What is owed of a look that failed for good (shared/messaging/failures.py says when that is).

    a dead letter                                          always, first: it says why, and where our own code failed
    the conversation the trigger names                     ends by `error`; a chat's person is answered instead
    each conversation a look at the run fails for          ends by `error`
    the run, where even that cannot be done                ends as it stands

Whatever is wanted of the run comes first: what is to be cancelled ends `canceled`. So every accepted run ends, and
nothing is left that a sweep would look at again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nats.aio.msg import Msg
from pydantic import ValidationError

from orchestrator.conversations import ConversationLooks, Counted
from orchestrator.decide import FailAnswer
from orchestrator.effects import Effects
from orchestrator.runs import RunLooks
from shared.contracts.enums import EntryKind, RunKind, Side, Wanted
from shared.contracts.events import MessageAdded
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, Failure
from shared.contracts.work import GenerationStored, LookGivenUp, RunCommanded, UsageAppeared
from shared.errors import NotYet, StaleMessage, UnknownRun
from shared.logs import Logger
from shared.messaging.failures import ABSENCES
from shared.messaging.publisher import Publisher
from shared.reported_failures import failure_of, failure_with_traceback
from shared.run_endings import abandon_run
from shared.storage import Store
from shared.storage.accounts import AccountChange, EventRecorded, Settle
from shared.tracebacks import described

RUN_ID_SHOWN = 64
TRIES = 5
TRY_AGAIN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class FailedLook:
    """What the message of a look names: a run, and one of its conversations or all of it.

    `payload` is what its letter keeps. `ends` says that somebody waits for what it would have done.
    """

    run_id: str
    conversation: str | None
    payload: str
    ends: bool = True


class FailedLooks:
    """Gives up one trigger. Repeating it repeats nothing that anybody sees."""

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        runs: RunLooks,
        looks: ConversationLooks,
        effects: Effects,
        log: Logger,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._runs = runs
        self._looks = looks
        self._effects = effects
        self._log = log

    async def __call__(self, message: Msg, error: BaseException) -> None:
        """Raises what says that store or broker are away: the message then comes again, to be given up again."""
        if isinstance(error, UnknownRun):
            # Forgotten, as a deleted chat is while its answer is on its way: nobody waits for anything.
            return
        look, failure = _read(message), failure_of(error)
        await self._publisher.work(_letter(message, look, error))
        if look is None or not look.ends:
            return
        try:
            await self._end(look, failure)
        except (UnknownRun, StaleMessage):
            return
        except ABSENCES:
            raise
        except Exception as failed:  # noqa: BLE001 - whatever it is, the run has to end
            self._log.error("run abandoned", run_id=look.run_id, error=described(failed), exc_info=failed)
            await self._abandon(look.run_id, failure)

    async def _end(self, look: FailedLook, failure: Failure) -> None:
        run = await self._store.runs.get(look.run_id)
        if run is None or run.end_sequence is not None:
            return
        if run.ended_at is not None:
            # Whoever ended it died before its last fact.
            await abandon_run(self._store, self._publisher, run.id, failure)
            return
        if run.kind is RunKind.CHAT and await self._answer(run, failure):
            return
        if look.conversation is None:
            await self._patiently(lambda: self._runs.look_ending_failing(run.id))
        elif look.conversation == _named(run, look.conversation):
            await self._end_conversation(look.conversation, failure)

    async def _end_conversation(self, conversation: str, failure: Failure) -> None:
        counted: list[Counted | None] = []

        async def end() -> None:
            counted.append(await self._looks.close_off(conversation, failure))

        await self._patiently(end)
        await self._runs.on_counted(*counted, end_failing=True)

    async def _answer(self, run: Run, failure: Failure) -> bool:
        """A chat is never stuck: whoever waits is answered that there is no answer, and why.

        False where that cannot be: it is to end, has ended, or its first message never stood.
        """
        last = (await self._store.entries.ends([run.id])).get(run.id)
        if run.control.wanted is Wanted.CANCEL or last is None or last.ended:
            return False
        standing = await self._store.entries.at(run.id, last.seq)
        if standing is not None and not _answers(standing):
            if standing.kind is EntryKind.MESSAGE:
                await self._publisher.event(MessageAdded.of(standing))
            await self._effects.fail_answer(run.id, FailAnswer(last.seq + 1, failure))
            standing = await self._store.entries.at(run.id, last.seq + 1)
        if standing is None or not _answers(standing):
            return False
        sequence = await self._publisher.event(MessageAdded.of(standing))
        # What the look at it would have noted: no sweep finds it unanswered.
        noted = (Settle("turn", standing.seq), EventRecorded(sequence, standing.created_at, standing.seq))
        await self._store.runs.account(run.id, AccountChange(1, noted))
        return True

    async def _patiently(self, look: Callable[[], Awaitable[None]]) -> None:
        """What is not readable yet is soon, or never."""
        for _ in range(TRIES):
            try:
                return await look()
            except NotYet:
                await asyncio.sleep(TRY_AGAIN_SECONDS)
        return await look()

    async def _abandon(self, run_id: str, failure: Failure) -> None:
        """The last resort: nothing more is asked of what cannot be looked at."""
        try:
            run = await self._store.runs.get(run_id)
            for index in range(1, run.total + 1) if run else ():
                if run and index not in run.ended:
                    await self._effects.close_off(run.conversation_id(index), failure)
        except ABSENCES:
            raise
        except Exception as failed:  # noqa: BLE001 - whatever it is, the run has to end
            self._log.error("transcripts left open", run_id=run_id, error=described(failed), exc_info=failed)
        await abandon_run(self._store, self._publisher, run_id, failure)


def _read(message: Msg) -> FailedLook | None:
    """What the message names; None where it is none of ours."""
    try:
        if message.subject == RunCommanded.subject:
            command = RunCommanded.model_validate_json(message.data)
            # What was said stands in the transcript.
            payload = command.model_copy(update={"question": None}).to_json().decode()
            return FailedLook(command.run_id, command.conversation_id, payload)
        if (message.headers or {}).get("Aw-Type") == "usage.appeared":
            late = UsageAppeared.model_validate_json(message.data)
            return FailedLook(late.run_id, late.conversation_id, late.to_json().decode(), ends=False)
        done = GenerationStored.model_validate_json(message.data)
    except ValidationError:
        return None
    # A later pass decides nothing: only what it cost counts.
    return FailedLook(done.run_id, done.conversation_id, done.to_json().decode(), ends=not done.pass_number)


def _letter(message: Msg, look: FailedLook | None, error: BaseException) -> LookGivenUp:
    failure, traceback = failure_with_traceback(error)
    named = (message.headers or {}).get("Aw-Run-Id", "unknown")[:RUN_ID_SHOWN]
    return LookGivenUp(
        run_id=look.run_id if look else named,
        at=now(),
        conversation_id=look.conversation if look else None,
        failure=failure,
        traceback=traceback,
        trigger=message.subject,
        payload=look.payload if look else message.data.decode(errors="replace"),
        sequence=message.metadata.sequence.stream,
    )


def _named(run: Run, conversation: str) -> str | None:
    """The conversation, if it is one of the run's."""
    _, _, number = conversation.rpartition("-")
    index = int(number) if number.isdecimal() else 1
    return conversation if index <= run.total and conversation == run.conversation_id(index) else None


def _answers(entry: Entry) -> bool:
    return entry.kind is EntryKind.MESSAGE and entry.side is Side.AGENT
