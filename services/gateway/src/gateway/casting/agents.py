"""Stored agents, as starts and chats name them."""

from collections.abc import Iterable

from gateway.errors import InvalidAgent
from shared.contracts.agents import Agent
from shared.storage.owned import OwnedStore

AgentKey = tuple[str, int | None]
"""An agent as it is now (no version), or in one version."""


async def load_agent(store: OwnedStore, key: AgentKey) -> Agent:
    """The agent that is named. Raises InvalidAgent for one that is not there or is archived."""
    agent_id, version = key
    agent = await store.agents.get(agent_id)
    if agent is not None and version not in (None, agent.version):
        agent = await store.agents.get(agent_id, version)
    if agent is None:
        raise InvalidAgent(agent_id, version)
    return agent


async def load_agents(store: OwnedStore, keys: Iterable[AgentKey]) -> dict[AgentKey, Agent]:
    """The agents that are named, each read once. Raises InvalidAgent."""
    return {key: await load_agent(store, key) for key in dict.fromkeys(keys)}
