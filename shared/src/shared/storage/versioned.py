"""The repository of what has versions: every change makes a new one, and every one is kept.

The version that stands is kept among the former ones before another takes its place, so that a death between the two
loses none.
"""

from typing import Generic, TypeVar

from shared.contracts.agents import Agent
from shared.contracts.templates import PromptTemplate
from shared.contracts.timestamps import now
from shared.storage.driver import Collection, Document, mapped_errors, to_document, with_id
from shared.storage.paging import Page, PageReader, read_page

Resource = TypeVar("Resource", Agent, PromptTemplate)


class Versioned(Generic[Resource]):
    """A tenant's things of one kind. The current version stands in one collection, former ones in another.

    `reference` is the field of a former version that names the thing it is a version of.
    """

    def __init__(self, kind: type[Resource], current: Collection, former: Collection, reference: str) -> None:
        self._kind: type[Resource] = kind
        self._current = current
        self._former = former
        self._reference = reference

    async def insert(self, thing: Resource) -> None:
        """Stores a new thing in its first version."""
        with mapped_errors(thing.id):
            await self._current.insert_one(to_document(thing))

    async def get(self, tenant: str, identity: str, version: int | None = None) -> Resource | None:
        """A thing as it is (unless archived), or as it was at a version; None where there is none."""
        asked: Document = {"archived": False} if version is None else {"version": version}
        with mapped_errors():
            document = await self._current.find_one({"tenant": tenant, "_id": identity, **asked})
            if document is None and version is not None:
                document = await self._former.find_one({"tenant": tenant, "_id": f"{identity}:{version}"})
        return self._thing(document) if document else None

    async def newest(self, tenant: str, before: str | None, limit: int, **equal: str) -> Page[Resource]:
        """A tenant's things that are not archived, newest first, older than the id `before`; of fields `equal`."""
        query: Document = {"tenant": tenant, "archived": False, **equal}
        if before:
            query["_id"] = {"$lt": before}
        return await read_page(self._current, query, limit, self._thing)

    async def versions(self, tenant: str, identity: str, before: int | None = None, limit: int = 100) -> Page[Resource]:
        """A thing's versions, newest first, older than the version `before`; none where there is no such thing."""
        with mapped_errors():
            current = await self._current.find_one({"tenant": tenant, "_id": identity})
        if current is None:
            return Page()
        below = current["version"] if before is None else min(before, current["version"])
        reading = PageReader(limit)
        if before is None or current["version"] < before:
            reading.take(current)
        query = {"tenant": tenant, self._reference: identity, "version": {"$lt": below}}
        await reading.read(self._former, query, None, "version", -1)
        return reading.page(self._thing)

    async def replace(self, thing: Resource) -> bool:
        """Makes `thing` the current version if the one before it still is; False where another came first."""
        stands = {"_id": thing.id, "tenant": thing.tenant, "version": thing.version - 1, "archived": False}
        with mapped_errors(thing.id):
            standing = await self._current.find_one(stands)
            if standing is None:
                return False
            await self._keep(thing.id, standing)
            result = await self._current.replace_one(stands, _without_id(to_document(thing)))
        return bool(result.modified_count)

    async def archive(self, tenant: str, identity: str) -> bool:
        """Hides a thing from lists and starts; what has it goes on. False where there is none."""
        with mapped_errors():
            result = await self._current.update_one(
                {"_id": identity, "tenant": tenant, "archived": False},
                {"$set": {"archived": True, "updated_at": now()}},
            )
        return bool(result.modified_count)

    async def _keep(self, identity: str, standing: Document) -> None:
        """A version never changes: whoever else keeps it keeps the same."""
        key = {"_id": f"{identity}:{standing['version']}"}
        await self._former.replace_one(key, _without_id(standing) | {self._reference: identity}, upsert=True)

    def _thing(self, document: Document) -> Resource:
        fields = with_id(document)
        thing: Resource = self._kind.model_validate(fields | {"id": fields.get(self._reference, fields["id"])})
        return thing


def _without_id(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "_id"}
