"""Ending tasks for certain, and bounds that hold.

nats-py swallows a cancellation that meets it while it flushes (`Client._flush_pending`): a loop around `publish` goes
on, and `asyncio.timeout`, which is a cancellation, does not fire. So a task is cancelled until it has ended, and what
must be bounded runs in a task of its own that is waited for.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

AGAIN_SECONDS = 0.1
LONGEST_SECONDS = 10.0


async def cancel_all(tasks: Iterable[asyncio.Task[Any]], seconds: float = LONGEST_SECONDS) -> bool:
    """Cancels tasks until all have ended, whatever they end with; False if some have not after so many seconds."""
    pending = {task for task in tasks if not task.done()}
    rounds = max(1, round(seconds / AGAIN_SECONDS))
    for _ in range(rounds):
        if not pending:
            return True
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_SECONDS)
    return not pending


async def ends_within(seconds: float, work: Coroutine[Any, Any, Any]) -> bool:
    """Whether `work` ended by itself in time; if not it is cancelled. Raises what it raised."""
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await cancel_all([task])
        raise
    if not done:
        await cancel_all([task])
        return False
    task.result()
    return True
