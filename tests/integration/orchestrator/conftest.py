"""A fresh broker and a fresh database for every test of the orchestrator."""

from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from shared.storage import Store
from support.servers import own_connection, own_store


@pytest.fixture
async def store(mongo_url: str) -> AsyncIterator[Store]:
    async with own_store(mongo_url) as store:
        yield store


@pytest.fixture
async def client(fresh_nats_url: str) -> AsyncIterator[Client]:
    async with own_connection(fresh_nats_url) as client:
        yield client
