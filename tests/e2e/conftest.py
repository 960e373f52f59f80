"""The whole stack as processes, two gateways side by side; everything goes through the gateway."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from local_stack.stack import Stack
from shared.settings import MongoSettings
from shared.storage import Store

READY_SECONDS = 60


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory) -> AsyncIterator[Stack]:  # type: ignore[no-untyped-def] # pytest's own type is private
    """One stack for all e2e tests: what one of them kills, its supervisor starts again."""
    arguments = ("--time-to-first-token", "0.02", "--tokens-per-second", "400")
    # What one test breaks is another's provider, too.
    told = {"AGENTWARS_BREAKER_OPEN_SECONDS": "1s"}
    folder = tmp_path_factory.mktemp("stack")
    async with Stack(folder, replicas={"gateway": 2}, demo_arguments=arguments, env=told) as running:
        await running.ready(READY_SECONDS)
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateways(stack: Stack) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client of each gateway."""
    clients = [httpx.AsyncClient(base_url=url, timeout=30) for url in stack.gateway_urls]
    yield clients
    for client in clients:
        await client.aclose()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def store(stack: Stack) -> AsyncIterator[Store]:
    """The store behind the stack, for what only the store can tell."""
    opened = Store(MongoSettings(mongo_url=stack.mongo_url))
    yield opened
    opened.close()
