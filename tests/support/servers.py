"""A store and a broker connection of a test's own, on the real servers of the session."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client

from shared.contracts.identity import new_id
from shared.settings import MongoSettings
from shared.storage import Store
from shared.storage.indexes import make_indexes


def database_name() -> str:
    """A database nobody else uses."""
    return f"test-{os.getpid()}-{new_id()}"


@asynccontextmanager
async def own_store(mongo_url: str, database: str | None = None) -> AsyncIterator[Store]:
    """A store with its indexes on a database of its own, which is dropped at the end."""
    store = Store(MongoSettings(mongo_url=mongo_url, mongo_database=database or database_name()))
    try:
        await make_indexes(store.database)
        yield store
    finally:
        await store.database.client.drop_database(store.database.name)
        store.close()


def another_store(store: Store, mongo_url: str) -> Store:
    """A second process's store on the same database; whoever asks closes it."""
    return Store(MongoSettings(mongo_url=mongo_url, mongo_database=store.database.name))


@asynccontextmanager
async def own_connection(url: str) -> AsyncIterator[Client]:
    """A plain connection to the broker, closed at the end."""
    client = await nats.connect(url, connect_timeout=5, allow_reconnect=False)
    try:
        yield client
    finally:
        await client.close()
