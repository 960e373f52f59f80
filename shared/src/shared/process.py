"""A service's process: an event loop, a stop on SIGTERM or SIGINT, an exit code that tells its supervisor."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence

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


async def stop_or_failure(stopping: asyncio.Event, background: Sequence[asyncio.Task[None]]) -> None:
    """Waits for the stop, or for a background task that failed; ends the others and raises what failed.

    A task that a service cannot do without is never lost silently: its failure ends the process.
    """
    waiting = asyncio.create_task(stopping.wait())
    done, _ = await asyncio.wait([waiting, *background], return_when=asyncio.FIRST_COMPLETED)
    for task in (waiting, *background):
        task.cancel()
    await asyncio.gather(waiting, *background, return_exceptions=True)
    for task in done:
        if task is not waiting and not task.cancelled():
            task.result()
