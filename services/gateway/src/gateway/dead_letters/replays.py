"""Putting given-up work back on its queue, where it can still change something.

One result for ever stands under a generation key, and the engine acts on it at once, a final failure too. So

    letter                              what a replay does
    turn, answer, report                the job again, for the same generation: what stands is acted on,
                                        what never got a result (its run was unknown, say) is made
    judge                               a later pass of the judge, whose judgement the report counts: the failure of
                                        the first one stands as `unknown`, and no later pass ends a conversation
    trigger of a look or a report       the trigger again: its service looks again, where the run has not ended
    any of what has ended               409 `already_ended`: closed is closed, what is owed then is a new run
"""

from nats.js.api import PubAck
from pydantic import ValidationError

from gateway.access.callers import Caller
from gateway.dead_letters.records import DeadLetterRecord, client_of, find_record
from gateway.dead_letters.views import Replayed
from gateway.errors import Conflict
from shared.contracts import subjects
from shared.contracts.enums import Purpose
from shared.contracts.generations import Generation
from shared.contracts.identity import conversation_index
from shared.contracts.routes import RouteWish
from shared.contracts.runs import Run
from shared.contracts.work import (
    DeadLetter,
    GenerationRequested,
    GenerationStored,
    LookGivenUp,
    ReportGivenUp,
    ReportRequested,
    RunCommanded,
)
from shared.messaging.connection import Connection
from shared.messaging.publisher import Publisher
from shared.routing import Router
from shared.routing.estimates import judge_prompt_tokens, reserved_nanos
from shared.settings import LimitSettings
from shared.storage.owned import OwnedStore, StoreOf

TRIGGERS: dict[str, type[ReportRequested | GenerationStored | RunCommanded]] = {
    subjects.COMMANDS: RunCommanded,
    subjects.DONE_ORCHESTRATOR: GenerationStored,
    subjects.REPORTS: ReportRequested,
    subjects.DONE_SUMMARIZER: GenerationStored,
}


class Replays:
    """Puts given-up work back on its queue."""

    def __init__(self, connection: Connection, store_of: StoreOf, router: Router, settings: LimitSettings) -> None:
        self._connection = connection
        self._store_of = store_of
        self._router = router
        self._settings = settings

    async def replay(self, caller: Caller, letter_id: str) -> Replayed:
        """Puts the work of a letter of the caller's back; again within a quarter of an hour it is the same replay.

        Raises NotFound, Conflict (`already_ended`, `run_unknown`, `not_replayable`, `budget_spent`), TransientError.
        """
        store = self._store_of(caller.owner)
        record = await find_record(client_of(self._connection), store, letter_id)
        if isinstance(record.work, DeadLetter):
            return await self._replay_job(store, record, record.work.job)
        if isinstance(record.work, LookGivenUp | ReportGivenUp):
            return await self._replay_trigger(store, record, record.work)
        raise Conflict(
            "not_replayable", f"Dead letter {record.id} holds no work that could be done: it is kept to be read."
        )

    async def _replay_job(self, store: OwnedStore, record: DeadLetterRecord, job: GenerationRequested) -> Replayed:
        run = await _open_run(store, job.run_id)
        if job.conversation_id is not None:
            last = await store.entries(run).end(job.conversation_id)
            if last is not None and last.ended:
                raise _already_ended(f"Conversation {job.conversation_id} has ended", job.run_id)
        again = await self._as_later_pass(store, run, job) if job.purpose is Purpose.JUDGE else None
        again = again or job.model_copy(update={"replay": job.replay + 1, "repeat": True})
        message_id = str(again.message_id)
        ack = await self._publisher().republish(again.subject, again, message_id)
        return _replayed(record, run, again.subject, message_id, ack)

    async def _as_later_pass(self, store: OwnedStore, run: Run, job: GenerationRequested) -> GenerationRequested | None:
        """The judge's job under the next free key; None where nothing stands under its own. Raises Conflict."""
        made = await store.generations(run).of_conversation(str(job.conversation_id))
        passes = [one.pass_number for one in made if _is_same_judge(one, job)]
        if job.pass_number not in passes:
            return None
        self._check_budget(run, job)
        return job.model_copy(update={"pass_number": max(passes) + 1, "hop": 0, "replay": 0, "repeat": True})

    def _check_budget(self, run: Run, job: GenerationRequested) -> None:
        """A later pass holds no slot, so it reserves nothing: it must fit into what is neither spent nor reserved."""
        limits, wish = self._settings, RouteWish(provider=job.provider, model=job.model)
        played = run.settings.conversation(conversation_index(str(job.conversation_id)))
        prompt = judge_prompt_tokens(played, job.seq, limits.expected_output_tokens)
        nanos = reserved_nanos(self._router.first(wish), job.max_tokens, prompt, limits.reserved_output_tokens)
        if run.budget.spent + run.budget.open + nanos > run.budget.max:
            raise Conflict("budget_spent", f"The budget of run {run.id} does not hold another judgement.")

    async def _replay_trigger(
        self, store: OwnedStore, record: DeadLetterRecord, given_up: LookGivenUp | ReportGivenUp
    ) -> Replayed:
        contract = TRIGGERS.get(given_up.trigger)
        try:
            trigger = contract.model_validate_json(given_up.payload) if contract else None
        except ValidationError:
            trigger = None
        if trigger is None:
            raise Conflict("not_replayable", f"Dead letter {record.id} holds a message that nobody could read.")
        run = await _open_run(store, trigger.run_id)
        message_id = f"{given_up.message_id}:replay"
        ack = await self._publisher().republish(given_up.trigger, trigger, message_id)
        return _replayed(record, run, given_up.trigger, message_id, ack)

    def _publisher(self) -> Publisher:
        return Publisher(client_of(self._connection))


def _is_same_judge(one: Generation, job: GenerationRequested) -> bool:
    return (one.purpose, one.seq, one.stage) == (Purpose.JUDGE, job.seq, job.stage)


async def _open_run(store: OwnedStore, run_id: str) -> Run:
    """A run that has not ended. Raises Conflict."""
    run = await store.runs.get(run_id)
    if run is None:
        raise Conflict("run_unknown", f"Run {run_id} is not in the store: its work would be given up again.")
    if run.terminal or await store.report(run) is not None:
        raise _already_ended(f"Run {run_id} has ended", run_id)
    return run


def _already_ended(what: str, run_id: str) -> Conflict:
    return Conflict(
        "already_ended", f"{what}, and closed is closed: POST /api/scale/{run_id}/retry-failed plays again."
    )


def _replayed(record: DeadLetterRecord, run: Run, subject: str, message_id: str, ack: PubAck) -> Replayed:
    duplicate = bool(ack.duplicate)
    return Replayed(id=record.id, run_id=run.id, subject=subject, message_id=message_id, duplicate=duplicate)
