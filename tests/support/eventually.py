"""Waiting for what other processes and tasks make true."""

import asyncio
from collections.abc import Callable
from inspect import isawaitable

PATIENCE_SECONDS = 20.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05  # seconds


async def eventually(holds: Callable[[], object], what: str = "it", seconds: float = PATIENCE_SECONDS) -> None:
    """Returns as soon as `holds()`, awaited where that is to be done, is true.

    Raises AssertionError, with `what` did not come true, after so many seconds.
    """
    try:
        async with asyncio.timeout(seconds) as waiting:
            pause = _SHORTEST_PAUSE
            while True:
                found = holds()
                if await found if isawaitable(found) else found:
                    return
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
    except TimeoutError as error:
        if not waiting.expired():
            raise
        raise AssertionError(f"{what} did not come true within {seconds:g} s") from error
