"""The one way a start becomes a run, whatever its kind: once, planned, within its budget, accepted."""

import secrets
from dataclasses import dataclass

from fastapi import Response

from gateway.access.callers import Caller
from gateway.casting.agents import load_agents
from gateway.errors import Conflict
from gateway.runs.lookups import find_run
from gateway.schemas.answers import Started
from gateway.schemas.starts import BattleStart, EstimateStart, RetryStart, ScaleStart
from gateway.starts.estimates import Estimate
from gateway.starts.idempotency import IdempotentRuns, body_hash
from gateway.starts.planning import Plan, Planner, agents_named, battles_of, new_run
from shared.contracts.enums import RunKind
from shared.contracts.money import to_usd
from shared.contracts.runs import CONVERSATION_IDS_SHOWN, Run, links_of, shown_status
from shared.contracts.timestamps import now
from shared.storage.owned import OwnedStore, StoreOf

SEEDS = 2**31


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A start as it was asked for: what, under which names, from which parent."""

    kind: RunKind
    body: BattleStart | ScaleStart | RetryStart
    key: str | None
    parent: str | None = None

    @property
    def hash(self) -> str:
        return body_hash(self.kind, self.body, self.parent)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The run of a start; not `new` where the same request has made it before."""

    run: Run
    new: bool


class Starts:
    """Starts runs, each once for its client id or idempotency key.

    All raise what planning raises, BudgetExceeded, Conflict and StoreUnavailable.
    """

    def __init__(self, store_of: StoreOf, runs: IdempotentRuns, planner: Planner) -> None:
        self._store_of = store_of
        self._runs = runs
        self._planner = planner

    async def battle(self, caller: Caller, body: BattleStart, key: str | None) -> Accepted:
        """One battle, or several as one run."""
        request = StartRequest(RunKind.BATTLE, body, key)
        if earlier := await self._earlier(caller, request):
            return earlier
        agents = await load_agents(self._store_of(caller.owner), agents_named(fields for _, fields in battles_of(body)))
        return await self._accept(caller, request, self._planner.battle(body, agents, new_seed()))

    async def scale(self, caller: Caller, body: ScaleStart, key: str | None) -> Accepted:
        """The same battle many times."""
        request = StartRequest(RunKind.SCALE, body, key)
        if earlier := await self._earlier(caller, request):
            return earlier
        agents = await load_agents(self._store_of(caller.owner), agents_named([body]))
        return await self._accept(caller, request, self._planner.scale(body, agents, new_seed()))

    async def retry(self, caller: Caller, reference: str, body: RetryStart, key: str | None) -> Accepted:
        """What ended by an error in a run that has ended, once more, as a new run with that one as its parent.

        Raises NotFound, and Conflict (`not_ended`, `nothing_failed`, `not_retryable`).
        """
        store = self._store_of(caller.owner)
        parent = await find_run(store, reference)
        failed = await _failed_conversations(store, parent)
        request = StartRequest(parent.kind, body, key, parent.id)
        if earlier := await self._earlier(caller, request):
            return earlier
        return await self._accept(caller, request, self._planner.retry(parent, failed, body.max_budget_usd))

    async def estimate(self, caller: Caller, body: EstimateStart) -> Estimate:
        """What a start would cost; nothing is started."""
        store = self._store_of(caller.owner)
        if body.scale:
            agents = await load_agents(store, agents_named([body]))
            return self._planner.scale(body, agents, seed=0).estimate
        start = BattleStart.model_validate(body.model_dump(by_alias=True, exclude_unset=True))
        agents = await load_agents(store, agents_named(fields for _, fields in battles_of(start)))
        return self._planner.battle(start, agents, seed=0).estimate

    async def _earlier(self, caller: Caller, request: StartRequest) -> Accepted | None:
        """The run that the same request has made. Raises Conflict where its names stand for another request."""
        run = await self._runs.earlier(caller.owner, request.body.id, request.key, request.hash)
        return None if run is None else Accepted(run, new=False)

    async def _accept(self, caller: Caller, request: StartRequest, plan: Plan) -> Accepted:
        plan = plan.fit()
        planned = new_run(
            plan.settings,
            caller,
            now(),
            client_id=request.body.id,
            idempotency_key=request.key,
            body_hash=request.hash,
            estimated_nanos=plan.estimate.nanos,
            parent=request.parent,
        )
        return Accepted(*await self._runs.accept(planned))


async def _failed_conversations(store: OwnedStore, parent: Run) -> list[int]:
    """The indexes of a run's conversations that ended by error: they never change once it has ended.

    Raises Conflict (`not_retryable`, `not_ended`, `nothing_failed`).
    """
    if not parent.rules.retried:
        raise Conflict("not_retryable", f"A run of kind {parent.kind} cannot be retried; start a new one.")
    if not parent.terminal:
        raise Conflict("not_ended", f"Run {parent.id} has not ended: wait for its end, or cancel it first.")
    failed = await store.conversations(parent).errored()
    if not failed:
        raise Conflict("nothing_failed", f"No conversation of run {parent.id} ended by an error: nothing to retry.")
    return failed


def new_seed() -> int:
    """A seed for a start that names none; it is stored with the run, so that the run can be played again."""
    return secrets.randbelow(SEEDS)


def started(accepted: Accepted, response: Response) -> Started:
    """The answer to a start: 202 with the run, 200 where the same request has made it before."""
    run = accepted.run
    response.status_code = 202 if accepted.new else 200
    response.headers["Location"] = links_of(run).status
    shown = range(1, min(run.total, CONVERSATION_IDS_SHOWN) + 1)
    return Started(
        id=run.id,
        job_id=run.id,
        run_id=run.id,
        client_id=run.client_id,
        conversation_ids=[run.conversation_id(index) for index in shown],
        status=shown_status(run),
        estimated_usd=to_usd(run.estimated_nanos),
        judged=run.settings.judged,
        links=links_of(run),
        parent=run.parent,
    )
