"""A worker's ASGI routes under uvicorn, beside its work: for supervisors, who ask seldom and little."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

import uvicorn
from faststream.asgi import AsgiFastStream
from uvicorn.protocols.http.h11_impl import H11Protocol

from shared.settings import HealthSettings

CONNECTION_SECONDS: Final = 5.0
"""Longer than any answer takes; whoever says nothing, or reads nothing, is gone after it."""
CONNECTIONS: Final = 64
HEAD_BYTES: Final = 8 * 1024
CLOSE_SECONDS: Final = 1


@contextlib.asynccontextmanager
async def serving(app: AsgiFastStream, settings: HealthSettings) -> AsyncIterator[None]:
    """Answers within the block, or not at all where no port is wanted. SystemExit where the port is taken."""
    if settings.health_port < 0:
        yield
        return
    config = uvicorn.Config(
        app,
        host=settings.health_host,
        port=settings.health_port,
        http=_ShortConnection,
        ws="none",
        # The worker begins and ends the application: it answers before that, and until all is handed over.
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_graceful_shutdown=CLOSE_SECONDS,
    )
    server = _Server(config)
    answering = asyncio.create_task(server.serve([config.bind_socket()]))
    try:
        yield
    finally:
        server.should_exit = True
        await answering


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's: they end the work first, then this."""
        yield


class _ShortConnection(H11Protocol):
    """One that ends after a time: uvicorn itself waits for ever for a request that does not come."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self._ending = self.loop.call_later(CONNECTION_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ending.cancel()
        super().connection_lost(exc)
