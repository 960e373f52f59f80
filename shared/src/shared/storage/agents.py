"""The repository of agents and of every version they had."""

from shared.contracts.agents import Agent
from shared.contracts.record import now
from shared.storage.driver import Collection, Document, mapped_errors, to_document, with_id


class Agents:
    """A tenant's agents. The current version stands in one collection, every version in another."""

    def __init__(self, current: Collection, versions: Collection) -> None:
        self._current = current
        self._versions = versions

    async def insert(self, agent: Agent) -> None:
        """Stores a new agent and its first version."""
        await self._keep_version(agent)
        with mapped_errors(agent.id):
            await self._current.insert_one(to_document(agent))

    async def get(self, tenant: str, agent_id: str, version: int | None = None) -> Agent | None:
        """An agent as it is (unless archived), or as it was at a version; None where there is none."""
        query: Document = {"tenant": tenant}
        with mapped_errors():
            if version is None:
                document = await self._current.find_one(query | {"_id": agent_id, "archived": False})
            else:
                document = await self._versions.find_one(query | {"_id": f"{agent_id}:{version}"})
        return _agent(document) if document else None

    async def newest(self, tenant: str, before: str | None, limit: int) -> list[Agent]:
        """A tenant's agents that are not archived, newest first, older than the agent id `before`."""
        query: Document = {"tenant": tenant, "archived": False}
        if before:
            query["_id"] = {"$lt": before}
        with mapped_errors():
            documents = await self._current.find(query).sort("_id", -1).limit(limit).to_list(limit)
        return [_agent(document) for document in documents]

    async def versions(self, tenant: str, agent_id: str) -> list[Agent]:
        """Every version of an agent, newest first."""
        with mapped_errors():
            cursor = self._versions.find({"tenant": tenant, "agent_id": agent_id}).sort("version", -1)
            return [_agent(document) for document in await cursor.to_list(None)]

    async def replace(self, agent: Agent) -> bool:
        """Makes `agent` the current version if the one before it still is; False where another came first."""
        with mapped_errors(agent.id):
            result = await self._current.replace_one(
                {"_id": agent.id, "tenant": agent.tenant, "version": agent.version - 1, "archived": False},
                _without_id(to_document(agent)),
            )
        if result.modified_count:
            await self._keep_version(agent)
        return bool(result.modified_count)

    async def archive(self, tenant: str, agent_id: str) -> bool:
        """Hides an agent from lists and starts; runs that have it go on. False where there is none."""
        with mapped_errors():
            result = await self._current.update_one(
                {"_id": agent_id, "tenant": tenant, "archived": False},
                {"$set": {"archived": True, "updated_at": now()}},
            )
        return bool(result.modified_count)

    async def _keep_version(self, agent: Agent) -> None:
        document = _without_id(to_document(agent)) | {"agent_id": agent.id}
        with mapped_errors():
            await self._versions.replace_one({"_id": f"{agent.id}:{agent.version}"}, document, upsert=True)


def _without_id(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "_id"}


def _agent(document: Document) -> Agent:
    fields = with_id(document)
    return Agent.model_validate(fields | {"id": fields.get("agent_id", fields["id"])})
