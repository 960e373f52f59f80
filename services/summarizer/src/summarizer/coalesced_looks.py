"""One look at a run at a time: triggers that come while one waits for its turn share it.

    the dones of 24 condensed transcripts ──▶ the look under way, and one more that sees all of them

A look that begins after a trigger came sees what the trigger's sender made durable before, so it answers any number of
them. A look reads a whole run, some 10 MB for 100 conversations: how many read at once is bounded too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Look = Callable[[str, bool], Awaitable[None]]
"""Looks at a run; the second argument says that no trigger behind it may have been handled before."""


@dataclass(slots=True)
class _Waiting:
    first: bool
    look: asyncio.Task[None] = field(init=False)


class CoalescedLooks:
    """Has `look` performed for every run that is asked for, at most `at_once` of them at once."""

    def __init__(self, look: Look, at_once: int) -> None:
        self._look = look
        self._room = asyncio.Semaphore(at_once)
        self._waiting: dict[str, _Waiting] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def look(self, run_id: str, first: bool) -> None:
        """Returns, or raises, as a look does that begins from here on. It is `first` if it is so for all who share it.

        A caller that is cancelled leaves the look to the others.
        """
        waiting = self._waiting.get(run_id)
        if waiting is None:
            waiting = self._waiting[run_id] = _Waiting(first)
            waiting.look = asyncio.create_task(self._perform(run_id, waiting, self._under_way.get(run_id)))
        waiting.first = waiting.first and first
        await asyncio.shield(waiting.look)

    async def _perform(self, run_id: str, waiting: _Waiting, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        async with self._room:
            look = self._under_way[run_id] = waiting.look
            del self._waiting[run_id]
            try:
                await self._look(run_id, waiting.first)
            finally:
                if self._under_way.get(run_id) is look:
                    del self._under_way[run_id]
