"""/api/agents: stored, versioned participants."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from gateway.access.callers import CallerOfRequest
from gateway.errors import Conflict, FieldProblem, InvalidRequest, NotFound
from gateway.http.paging import Cursor, Limit, VersionCursor, page_size, version_before
from gateway.schemas.agents import AgentBody, AgentView, criteria_of
from gateway.schemas.answers import AgentPage
from gateway.services import NeedsStore, ServicesOfApp
from shared.contracts.agents import Agent
from shared.contracts.identity import new_id
from shared.contracts.record import now
from shared.contracts.routes import RouteWish
from shared.contracts.settings import Criterion
from shared.routing import Router
from shared.storage.owned import OwnedStore

REPLACE_ATTEMPTS = 5

router = APIRouter(prefix="/api/agents", tags=["agents"], dependencies=[NeedsStore])


@router.get("", summary="List agents, newest first", response_model=AgentPage)
async def list_agents(
    services: ServicesOfApp, caller: CallerOfRequest, cursor: Cursor = None, limit: Limit = None
) -> AgentPage:
    size = page_size(services.settings, limit)
    found = await services.store_of(caller.owner).agents.newest(cursor, size)
    items = [AgentView.of(agent) for agent in found]
    return AgentPage(items=items, next_cursor=items[-1].id if found.more else None)


@router.post("", status_code=201, summary="Create an agent", response_model=AgentView)
async def create_agent(
    body: AgentBody, services: ServicesOfApp, caller: CallerOfRequest, response: Response
) -> AgentView:
    moment = now()
    agent = Agent(
        id=new_id(), tenant=caller.tenant, created_at=moment, updated_at=moment, **_values(body, services.router)
    )
    await services.store_of(caller.owner).agents.insert(agent)
    response.headers["Location"] = f"/api/agents/{agent.id}"
    return AgentView.of(agent)


@router.get("/{agent_id}", summary="Show an agent, as it is or in one version", response_model=AgentView)
async def get_agent(
    agent_id: str,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> AgentView:
    return AgentView.of(await _agent(services.store_of(caller.owner), agent_id, version))


@router.put("/{agent_id}", summary="Replace an agent: makes a new version", response_model=AgentView)
async def replace_agent(agent_id: str, body: AgentBody, services: ServicesOfApp, caller: CallerOfRequest) -> AgentView:
    values = _values(body, services.router)
    for _ in range(REPLACE_ATTEMPTS):
        current = await _agent(services.store_of(caller.owner), agent_id)
        same_words = (current.system_prompt, current.criteria) == (values["system_prompt"], values["criteria"])
        origin = current.written_from if same_words else None
        step = {"version": current.version + 1, "updated_at": now(), "written_from": origin}
        changed = current.model_copy(update=values | step)
        if await services.store_of(caller.owner).agents.replace(changed):
            return AgentView.of(changed)
    raise Conflict("busy", f"Agent {agent_id} is being changed by others all the time: try again in a moment.")


@router.delete("/{agent_id}", status_code=204, summary="Archive an agent; runs that have it go on")
async def archive_agent(agent_id: str, services: ServicesOfApp, caller: CallerOfRequest) -> None:
    if not await services.store_of(caller.owner).agents.archive(agent_id):
        raise NotFound("agent", agent_id)


@router.get("/{agent_id}/versions", summary="List an agent's versions, newest first", response_model=AgentPage)
async def list_agent_versions(
    agent_id: str, services: ServicesOfApp, caller: CallerOfRequest, cursor: VersionCursor = None, limit: Limit = None
) -> AgentPage:
    size, before = page_size(services.settings, limit), version_before(cursor)
    found = await services.store_of(caller.owner).agents.versions(agent_id, before, size)
    if not found and before is None:
        raise NotFound("agent", agent_id)
    items = [AgentView.of(agent) for agent in found]
    return AgentPage(items=items, next_cursor=str(items[-1].version) if found.more else None)


async def _agent(store: OwnedStore, agent_id: str, version: int | None = None) -> Agent:
    agent = await store.agents.get(agent_id, version)
    if agent is None:
        raise NotFound("agent", agent_id if version is None else f"{agent_id} in version {version}")
    return agent


def _values(body: AgentBody, router: Router) -> dict[str, Any]:
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
