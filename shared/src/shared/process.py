"""A service's process: an event loop, a stop on SIGTERM or SIGINT, an exit code that tells its supervisor."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import uvloop

Main = Callable[[asyncio.Event], Awaitable[None]]


def run(main: Main) -> None:
    """Runs `main(stopping)` on uvloop; `stopping` is set by SIGTERM and SIGINT."""

    async def supervised() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        await main(stopping)

    uvloop.run(supervised())
