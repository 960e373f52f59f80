"""The one way a start becomes a run, whatever its kind: once, planned, within its budget, accepted."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header, Response
from pydantic.config import JsonDict

from gateway.access.callers import Caller
from gateway.errors import FieldProblem, InvalidAgent, InvalidRequest
from gateway.schemas.answers import Started
from gateway.schemas.starts import BattleFields, BattleStart, RetryStart, ScaleStart
from gateway.services import Services
from gateway.starts.idempotency import body_hash
from gateway.starts.planning import AgentKey, Plan, agents_named, new_run
from shared.contracts.agents import Agent
from shared.contracts.money import to_usd
from shared.contracts.record import now
from shared.contracts.runs import CONVERSATION_IDS_SHOWN, Run, links_of, shown_status
from shared.contracts.words import RunKind
from shared.storage import Store

KEY_LENGTH = 255
KEY: Final[JsonDict] = {"minLength": 1, "maxLength": KEY_LENGTH}
SEEDS = 2**31


async def _idempotency_key(
    idempotency_key: Annotated[
        str | None, Header(description="The same key and body again is the same run.", json_schema_extra=KEY)
    ] = None,
    x_idempotency_key: Annotated[
        str | None, Header(description="Another name of Idempotency-Key.", json_schema_extra=KEY)
    ] = None,
) -> str | None:
    sent = [key for key in (idempotency_key, x_idempotency_key) if key is not None]
    if not all(1 <= len(key) <= KEY_LENGTH for key in sent):
        raise InvalidRequest(FieldProblem("Idempotency-Key", f"must have 1 to {KEY_LENGTH} characters", KEY_LENGTH))
    return sent[0] if sent else None


IdempotencyKey = Annotated[str | None, Depends(_idempotency_key)]
MakePlan = Callable[[Mapping[AgentKey, Agent], int], Plan]


@dataclass(frozen=True, slots=True)
class Asked:
    """A start as it was asked for: under which names, naming which agents, from which parent."""

    kind: RunKind
    body: BattleStart | ScaleStart | RetryStart
    fields: Sequence[BattleFields]
    plan: MakePlan
    key: str | None
    parent: str | None = None


async def start(services: Services, caller: Caller, asked: Asked, response: Response) -> Started:
    """Starts the run that is asked for, or answers with the one that the same request has made (then 200).

    Raises what planning raises, BudgetExceeded, Conflict and StoreUnavailable.
    """
    asked_hash = body_hash(asked.kind, asked.body, asked.parent)
    run = await services.acceptance.earlier(caller.owner, asked.body.id, asked.key, asked_hash)
    is_new = False
    if run is None:
        plan = asked.plan(await load_agents(services.store, caller, asked.fields), new_seed()).fit()
        planned = new_run(
            plan.settings,
            caller,
            now(),
            client_id=asked.body.id,
            idempotency_key=asked.key,
            body_hash=asked_hash,
            estimated_nanos=plan.estimate.nanos,
            parent=asked.parent,
        )
        run, is_new = await services.acceptance.accept(planned)
    response.status_code = 202 if is_new else 200
    response.headers["Location"] = links_of(run).status
    return started(run)


def new_seed() -> int:
    """A seed for a start that names none; it is stored with the run, so that the run can be played again."""
    return secrets.randbelow(SEEDS)


def started(run: Run) -> Started:
    """The answer to a start."""
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


async def load_agents(store: Store, caller: Caller, fields: Sequence[BattleFields]) -> dict[AgentKey, Agent]:
    """The agents the fields name, each once. Raises InvalidAgent for one that is not there or is archived."""
    found: dict[AgentKey, Agent] = {}
    for agent_id, version in dict.fromkeys(agents_named(fields)):
        agent = await store.agents.get(caller.tenant, agent_id)
        if agent is not None and version not in (None, agent.version):
            agent = await store.agents.get(caller.tenant, agent_id, version)
        if agent is None:
            raise InvalidAgent(agent_id, version)
        found[agent_id, version] = agent
    return found
