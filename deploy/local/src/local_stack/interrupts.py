"""The first Ctrl-C (or SIGTERM) ends in order, the second one at once."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")


async def until_interrupted(work: Awaitable[Result], on_second: Callable[[], None]) -> Result | None:
    """The result of `work`, or None if a signal ended it; by then `work` has cleaned up behind itself.

    `on_second` is called at the second signal and should make the cleaning up short.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    signals_seen = 0

    def on_signal() -> None:
        nonlocal signals_seen
        signals_seen += 1
        if signals_seen == 1:
            task.cancel()
        else:
            on_second()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        return await task
    except asyncio.CancelledError:
        if not signals_seen:
            raise  # not ours: somebody cancelled the caller
        return None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
