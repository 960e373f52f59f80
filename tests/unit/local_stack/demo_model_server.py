"""The demo model on a free port inside the test's event loop, and how the tests talk to it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import uvicorn
from openai import AsyncOpenAI

from local_stack.demo_model import Control, Settings, create_app

AT_ONCE = Control(time_to_first_token_seconds=0, tokens_per_second=1_000_000)
SHOP_AGENT = {"role": "system", "content": "You are the support agent of a web shop. Ask for the order number."}
COMPLAINT = {"role": "user", "content": "My kettle is broken and I want a refund."}


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()
        self.is_over = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    async def main_loop(self) -> None:
        # Without uvicorn's tick, which only looks for signals, a test ends at once.
        await self.is_over.wait()


@dataclass
class DemoModel:
    """A running demo model."""

    url: str
    http: aiohttp.ClientSession

    def openai(self, key: str = "unused") -> AsyncOpenAI:
        """The official client, without retries of its own."""
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=10)

    async def chat(self, headers: dict[str, str] | None = None, **fields: Any) -> tuple[int, dict[str, Any]]:
        """A raw call; its status and JSON body."""
        body = {"model": "demo-fast", "messages": [SHOP_AGENT, COMPLAINT], **fields}
        async with self.http.post(f"{self.url}/v1/chat/completions", json=body, headers=headers) as response:
            return response.status, await response.json()

    async def text(self, **fields: Any) -> str:
        """The text of an answer."""
        status, body = await self.chat(**fields)
        assert status == 200, body
        content: str = body["choices"][0]["message"]["content"]
        return content

    async def ledger(self, since: int = 0) -> dict[str, Any]:
        """What the ledger shows."""
        async with self.http.get(f"{self.url}/ledger", params={"since": since}) as response:
            ledger: dict[str, Any] = await response.json()
            return ledger

    async def settled_ledger(self) -> list[dict[str, Any]]:
        """The calls, once none is running any more."""
        async with asyncio.timeout(5):
            while (ledger := await self.ledger())["inFlight"]:
                pass
        calls: list[dict[str, Any]] = ledger["calls"]
        return calls

    async def control(self, **changes: Any) -> tuple[int, dict[str, Any]]:
        """Changes pace or faults; the status and the body of the answer."""
        async with self.http.put(f"{self.url}/control", json=changes) as response:
            return response.status, await response.json()


@asynccontextmanager
async def demo_model(settings: Settings | None = None) -> AsyncIterator[DemoModel]:
    """Runs the demo model, by default without any delay."""
    app = create_app(settings or Settings(control=AT_ONCE))
    server = _Server(
        uvicorn.Config(app, log_level="critical", access_log=False, ws="none", timeout_graceful_shutdown=1)
    )
    # With the protocol named, asyncio switches Nagle's algorithm off: without it small answers wait 40 ms for an ACK.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listener]))
            async with asyncio.timeout(10):
                await server.is_up.wait()
            try:
                async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
                    yield DemoModel(f"http://127.0.0.1:{listener.getsockname()[1]}", http)
            finally:
                server.is_over.set()
