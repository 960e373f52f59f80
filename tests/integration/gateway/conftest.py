"""A gateway in process, on a database that the tests of a module share."""

from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient

from shared.storage import Store
from support.gateway.app import gateway, prepared
from support.servers import database_name


@pytest.fixture(scope="module")
def database() -> str:
    return database_name()


@pytest.fixture
async def store(nats_url: str, mongo_url: str, database: str) -> AsyncIterator[Store]:
    async with prepared(nats_url, mongo_url, database) as store:
        yield store


@pytest.fixture
async def client(store: Store, nats_url: str, mongo_url: str, database: str) -> AsyncIterator[AsyncClient]:
    async with gateway(nats_url, mongo_url, database) as client:
        yield client
