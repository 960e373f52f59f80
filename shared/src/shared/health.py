"""A worker's two answers to its supervisor: /healthz (the process) and /readyz (what it needs)."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from shared.settings import HealthSettings

REQUEST_TIMEOUT_SECONDS = 5
HEAD_LIMIT = 8 * 1024

Check = Callable[[], Awaitable[list[str]]]
"""Answers what is missing, in words; an empty list means ready."""


class HealthServer:
    """Serves the two paths over HTTP/1.1, one request a connection."""

    def __init__(self, settings: HealthSettings, check: Check) -> None:
        self._settings = settings
        self._check = check
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        if self._settings.health_port < 0:
            return
        self._server = await asyncio.start_server(
            self._serve, self._settings.health_host, self._settings.health_port, limit=HEAD_LIMIT
        )

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                status, body = await self._answer(head.split(b" ", 2)[1].decode("latin-1"))
                writer.write(_response(status, body))
                await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
            # The prober left or sent no request: there is nobody to answer.
            return
        finally:
            writer.close()

    async def _answer(self, path: str) -> tuple[str, dict[str, object]]:
        if path == "/healthz":
            return "200 OK", {"status": "ok"}
        if path != "/readyz":
            return "404 Not Found", {"error": "not_found"}
        missing = await self._check()
        if missing:
            return "503 Service Unavailable", {"status": "not ready", "missing": missing}
        return "200 OK", {"status": "ready"}


def _response(status: str, body: dict[str, object]) -> bytes:
    payload = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + payload
