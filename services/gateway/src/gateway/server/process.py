"""The gateway's process."""

import asyncio
import logging
import signal
from types import FrameType
from typing import Any, Final

import uvicorn

from gateway.app import create_app
from gateway.http.cors import cors_of
from gateway.server.bounded_http import http_with
from gateway.server.tcp_options import bounded
from gateway.settings import GatewaySettings
from shared.logs import configure
from shared.process import freeze_garbage_collector
from shared.routing import load_registry

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than clients and proxies keep a connection that says nothing: it is theirs to close, never under a request."""


class Server(uvicorn.Server):
    """Tells streams to end as soon as a stop is asked for: open ones would hold the process back for ever."""

    def __init__(self, config: uvicorn.Config, shutting_down: asyncio.Event) -> None:
        super().__init__(config)
        self._shutting_down = shutting_down
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, *args: object, **options: object) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(*args, **options)  # type: ignore[arg-type] # passed on as they came
        freeze_garbage_collector()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Not uvicorn's own: that raises the signal again at the end, and a stop that was clean would look killed."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._shutting_down.set)
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def _is_news(record: logging.LogRecord) -> bool:
    """An answer that cannot be finished here is broken off on purpose, so that its reader comes again."""
    return "returned without completing response" not in record.getMessage()


def http_options(settings: GatewaySettings) -> dict[str, Any]:
    """How HTTP is spoken, as options of uvicorn's."""
    return {
        "http": http_with(cors_of(settings)),
        "ws": "none",
        # Nothing here asks for a client's address or scheme.
        "proxy_headers": False,
        "server_header": False,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
    }


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    settings = GatewaySettings()
    log = configure("gateway", settings)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    registry = load_registry()
    shutting_down = asyncio.Event()
    config = uvicorn.Config(
        # Made by the server, in its event loop.
        lambda: create_app(settings, registry, log, shutting_down),
        factory=True,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        **http_options(settings),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=settings.graceful_shutdown_seconds,
    )
    log.info("gateway starts", host=settings.host, port=settings.port)
    Server(config, shutting_down).run(sockets=[bounded(config.bind_socket())])
