"""A gateway in this process, served on a port of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn

from gateway.app import Gateway, create_app
from gateway.event_stream import Streams
from gateway.server.process import http_options
from gateway.settings import GatewaySettings
from shared.routing import Registry
from support.eventually import eventually
from support.gateway.app import LOG
from support.gateway.event_reader import PATIENCE_SECONDS, Client

_MODEL = {"contextWindow": 8000, "inputUsdPerMillion": 0.1, "outputUsdPerMillion": 0.4}
ONE_MODEL = Registry.model_validate(
    {"providers": {"demo": {"baseUrl": "http://nowhere", "models": {"demo-standard": _MODEL}}}}
)


class QuietServer(uvicorn.Server):
    """Leaves the signals of the test process alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Instance:
    """One gateway, served on a port of its own."""

    app: Gateway
    url: str
    http: httpx.AsyncClient

    @property
    def streams(self) -> Streams:
        streams = self.app.state.services.streams
        assert isinstance(streams, Streams)
        return streams

    @asynccontextmanager
    async def open(self, path: str, last_id: str | None = None, **headers: str) -> AsyncIterator[Client]:
        """A GET whose answer is read while it is written."""
        sent = headers | ({"Last-Event-ID": last_id} if last_id else {})
        async with self.http.stream("GET", path, headers=sent) as response:
            yield Client(response)

    @asynccontextmanager
    async def post(self, path: str, body: dict[str, Any]) -> AsyncIterator[Client]:
        """A POST whose answer is read while it is written."""
        async with self.http.stream("POST", path, json=body) as response:
            yield Client(response)

    async def connected(self) -> None:
        """Returns when the gateway has its broker."""
        await eventually(lambda: self.app.state.services.connection.connected)


@asynccontextmanager
async def serving(nats_url: str, mongo_url: str, database: str) -> AsyncIterator[Instance]:
    """A gateway on a free port."""
    settings = GatewaySettings(nats_url=nats_url, mongo_url=mongo_url, mongo_database=database)
    stopping = asyncio.Event()
    app = create_app(settings, ONE_MODEL, LOG, stopping)
    options: dict[str, Any] = {"log_config": None, "access_log": False, "timeout_graceful_shutdown": 3}
    config = uvicorn.Config(app, port=0, **options, **http_options(settings))
    server = QuietServer(config)
    serve = asyncio.create_task(server.serve())
    try:
        await eventually(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as http:
            instance = Instance(app, url, http)
            await instance.connected()
            yield instance
    finally:
        stopping.set()
        server.should_exit = True
        await serve
