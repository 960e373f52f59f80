"""A service's process: an event loop, a stop on SIGTERM or SIGINT, an exit code that tells its supervisor."""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import uvloop

from shared.cancellation import cancel_all

Main = Callable[[asyncio.Event], Awaitable[None]]


def run(main: Main) -> None:
    """Runs `main(stopping)` on uvloop; `stopping` is set by SIGTERM and SIGINT."""

    async def supervised() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        freeze_garbage_collector()
        await main(stopping)

    uvloop.run(supervised())


def freeze_garbage_collector() -> None:
    """Takes what is there now out of the garbage collector's sight: modules, models, routes stand until the end.

    Walking them takes 20 to 35 ms, again and again, in which the event loop does nothing else.
    """
    gc.collect()
    gc.freeze()


async def stop_or_failure(stopping: asyncio.Event, background: Sequence[asyncio.Task[None]]) -> None:
    """Waits for the stop, or for a background task that ended; raises what one of them failed with.

    The tasks run on: whoever asks ends them when what they keep alive is done (`cancel_all`). A task that a service
    cannot do without is never lost silently: its failure ends the process.
    """
    waiting = asyncio.create_task(stopping.wait())
    try:
        done, _ = await asyncio.wait([waiting, *background], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    for task in done - {waiting}:
        task.result()


async def unless_stopped(stopping: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Awaits `work`; False where the stop came first, which ends it. Raises what `work` raised."""
    working, stopped = asyncio.create_task(work), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        if not working.done():
            await cancel_all([working])
    if working.cancelled():
        return False
    working.result()
    return True
