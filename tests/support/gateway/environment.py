"""The environment of the gateway's tests: gateways in this process on real servers, and what tells runs and chats."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
from nats.aio.client import Client

from shared.contracts.enums import RunKind
from shared.messaging.connection import Connection
from shared.settings import NatsSettings
from shared.storage import Store
from support.builders import run
from support.gateway.app import LOG, prepared
from support.gateway.chats import Chats
from support.gateway.instance import Instance, serving
from support.gateway.story import Story
from support.servers import database_name


@dataclass
class Environment:
    """Gateways side by side, and the store and the broker below them."""

    gateways: list[Instance]
    store: Store
    connection: Connection
    nats_url: str

    @property
    def chats(self) -> Chats:
        return Chats(self.gateways, self.store, self.client)

    @property
    def client(self) -> Client:
        """The connection of the tests to the broker."""
        return self.connection.client

    @property
    def http(self) -> httpx.AsyncClient:
        """A client of the first gateway."""
        return self.gateways[0].http

    async def story(self, total: int = 1) -> Story:
        """A run that is stored and of which nothing was told yet."""
        kind = RunKind.BATTLE if total == 1 else RunKind.SCALE
        queued = run(total, concurrency=1, kind=kind)
        await self.store.runs.insert(queued)
        return Story(queued, self.store, self.connection)


@asynccontextmanager
async def environment(nats_url: str, mongo_url: str, gateways: int = 1) -> AsyncIterator[Environment]:
    """Gateways on the given servers, with a database of their own."""
    database = database_name()
    connection = Connection("test", NatsSettings(nats_url=nats_url), LOG)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(prepared(nats_url, mongo_url, database))
        await connection.open()
        stack.push_async_callback(connection.close)
        served = [await stack.enter_async_context(serving(nats_url, mongo_url, database)) for _ in range(gateways)]
        yield Environment(served, store, connection, nats_url)
