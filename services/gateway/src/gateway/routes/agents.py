"""/api/agents: stored, versioned participants."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from gateway.access.callers import CallerOfRequest
from gateway.http.paging import Cursor, Limit, VersionCursor, page_size
from gateway.schemas.agents import AgentBody, AgentView
from gateway.schemas.answers import AgentPage
from gateway.services import NeedsStore, ServicesOfApp
from gateway.versioned import changes
from gateway.versioned.agents import agent_values, changed_agent, new_agent

NOUN = "agent"

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
    agent = new_agent(agent_values(body, services.router), caller.tenant)
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
    return AgentView.of(await changes.find(services.store_of(caller.owner).agents, NOUN, agent_id, version))


@router.put("/{agent_id}", summary="Replace an agent: makes a new version", response_model=AgentView)
async def replace_agent(agent_id: str, body: AgentBody, services: ServicesOfApp, caller: CallerOfRequest) -> AgentView:
    values = agent_values(body, services.router)
    agents = services.store_of(caller.owner).agents
    return AgentView.of(await changes.replace(agents, NOUN, agent_id, lambda agent: changed_agent(agent, values)))


@router.delete("/{agent_id}", status_code=204, summary="Archive an agent; runs that have it go on")
async def archive_agent(agent_id: str, services: ServicesOfApp, caller: CallerOfRequest) -> None:
    await changes.archive(services.store_of(caller.owner).agents, NOUN, agent_id)


@router.get("/{agent_id}/versions", summary="List an agent's versions, newest first", response_model=AgentPage)
async def list_agent_versions(
    agent_id: str, services: ServicesOfApp, caller: CallerOfRequest, cursor: VersionCursor = None, limit: Limit = None
) -> AgentPage:
    size = page_size(services.settings, limit)
    agents = services.store_of(caller.owner).agents
    found, next_cursor = await changes.versions(agents, NOUN, agent_id, cursor, size)
    return AgentPage(items=[AgentView.of(agent) for agent in found], next_cursor=next_cursor)
