"""Agents, from what a body says of them. Pure."""

from typing import Any

from gateway.errors import FieldProblem, InvalidRequest
from gateway.schemas.agents import AgentBody, criteria_of
from shared.contracts.agents import Agent
from shared.contracts.identity import new_id
from shared.contracts.routes import RouteWish
from shared.contracts.settings import Criterion
from shared.contracts.timestamps import now
from shared.routing import Router


def new_agent(values: dict[str, Any], tenant: str) -> Agent:
    """An agent as it is stored first."""
    moment = now()
    return Agent(id=new_id(), tenant=tenant, created_at=moment, updated_at=moment, **values)


def changed_agent(agent: Agent, values: dict[str, Any]) -> Agent:
    """The version after `agent`, with what a body says; its origin stays where its words do."""
    same_words = (agent.system_prompt, agent.criteria) == (values["system_prompt"], values["criteria"])
    origin = agent.written_from if same_words else None
    step = {"version": agent.version + 1, "updated_at": now(), "written_from": origin}
    return agent.model_copy(update=values | step)


def agent_values(body: AgentBody, router: Router) -> dict[str, Any]:
    """What a body says of an agent, checked against the registry. Raises InvalidRequest and UnknownModel."""
    if body.endpoint is not None:
        raise InvalidRequest(FieldProblem("endpoint", "names no endpoint that is configured here"))
    if body.provider is not None or body.model is not None:
        router.routes(RouteWish(provider=body.provider, model=body.model, tier=body.tier))
    values = {name: getattr(body, name) for name in AgentBody.model_fields}
    return values | {"stop": tuple(body.stop), "tools": tuple(body.tools), "criteria": _criteria(body)}


def _criteria(body: AgentBody) -> tuple[Criterion, ...]:
    try:
        return criteria_of(body.criteria)
    except ValueError as error:
        raise InvalidRequest(FieldProblem("criteria", str(error))) from error
