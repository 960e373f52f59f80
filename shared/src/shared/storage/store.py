"""The store: the repositories of one database, behind one client."""

from pymongo import ReadPreference
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shared.contracts.owner import Owner
from shared.contracts.timestamps import now
from shared.settings import MongoSettings
from shared.storage.driver import Client, Collection, Database, mapped_errors
from shared.storage.owned.store import OwnedStore
from shared.storage.repositories import Repositories

POOL_SIZE = 20
PROBE = {"_id": "readiness"}
"""One document for all processes: it is written to see that it can be."""


class Store(Repositories):
    """Majority and journal for every write, majority reads on the primary (docs/protocol.md section 1)."""

    def __init__(self, settings: MongoSettings) -> None:
        milliseconds = int(settings.store_timeout_seconds * 1000)
        self._client: Client = Client(
            settings.mongo_url,
            tz_aware=True,
            appname="agentwars",
            maxPoolSize=POOL_SIZE,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            timeoutMS=milliseconds,
        )
        self.database: Database = self._client.get_database(
            settings.mongo_database,
            write_concern=WriteConcern(w="majority", j=True),
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
        super().__init__(self.collection)

    def of(self, owner: Owner) -> OwnedStore:
        """The store as the owner sees it: the only one for whoever asks in somebody's name."""
        return OwnedStore(self, owner)

    async def forget(self, run_id: str) -> None:
        """Deletes all of a run whose conversation has its own id; the run last, so that a death resumes here."""
        await self.entries.delete(run_id)
        await self.generations.delete(run_id)
        await self.usage.delete(run_id)
        await self.conversations.delete(run_id)
        await self.readers.delete(run_id)
        await self.runs.delete(run_id)

    def forget_cached(self, run_id: str) -> None:
        """Nothing is kept in process of a run whose conversation has its own id."""
        self.runs.forget_cached(run_id)
        self.entries.forget_cached(run_id)

    def collection(self, name: str) -> Collection:
        return self.database[name]

    async def ping(self) -> None:
        """Returns when the primary answers. Raises StoreUnavailable."""
        with mapped_errors():
            await self.database.command("ping")

    async def prove(self) -> None:
        """Returns when a write stands with the majority, and was read from it. Raises StoreUnavailable."""
        probes = self.collection("probes")
        with mapped_errors():
            await probes.update_one(PROBE, {"$set": {"at": now()}}, upsert=True)
            await probes.find_one(PROBE)

    def close(self) -> None:
        self._client.close()
