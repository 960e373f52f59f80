"""Ending tasks for certain, and bounds that hold.

nats-py swallows a cancellation that meets it while it flushes (`Client._flush_pending`): a loop around `publish` goes
on, and `asyncio.timeout`, which is a cancellation, does not fire. So a task is cancelled until it has ended, and what
must be bounded runs in a task of its own that is waited for.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

Result = TypeVar("Result")

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


async def within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` returns or raises; TimeoutError when its time is over, at once, however late it ends itself.

    What is given up, or whose caller is cancelled, is cancelled until it has ended.
    """
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        _give_up(task)
        raise
    if not done:
        _give_up(task)
        raise TimeoutError
    return task.result()


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


_ending: set[asyncio.Task[bool]] = set()


def _give_up(task: asyncio.Task[Any]) -> None:
    task.add_done_callback(note_failure)
    task.cancel()
    ending = asyncio.create_task(cancel_all([task]))
    _ending.add(ending)
    ending.add_done_callback(_ending.discard)


def note_failure(task: asyncio.Task[Any]) -> None:
    """Takes note of a failure nobody may be waiting for any more."""
    if not task.cancelled():
        task.exception()
