"""A database of its own for every test, and a broker of its own where streams are touched."""

from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from shared.messaging.publisher import Publisher
from shared.settings import NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap
from support.builders import registry
from support.servers import own_connection, own_store


@pytest.fixture
async def store(mongo_url: str) -> AsyncIterator[Store]:
    async with own_store(mongo_url) as store:
        yield store


@pytest.fixture
async def client(fresh_nats_url: str) -> AsyncIterator[Client]:
    """A connection to a broker without any stream."""
    async with own_connection(fresh_nats_url) as client:
        yield client


@pytest.fixture
async def publisher(client: Client, store: Store) -> Publisher:
    """A publisher on a broker whose streams and durables stand."""
    await bootstrap(client, store, NatsSettings(), registry())
    return Publisher(client)
