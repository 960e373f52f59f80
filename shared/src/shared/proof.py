"""That something works is shown by its work, and believed for a while."""

import asyncio
from collections.abc import Awaitable, Callable

PROVEN_SECONDS = 4.0
PROOF_TIMEOUT_SECONDS = 2.5


class Proof:
    """Has `prove` do the work where it was not seen to succeed of late; those who ask meanwhile wait for the same.

    However many ask, there is one piece of work at a time, and none for some seconds after one that succeeded.
    """

    def __init__(self, prove: Callable[[], Awaitable[None]]) -> None:
        self._prove = prove
        self._proven_at: float | None = None
        self._under_way: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        """Returns where it works. Raises what `prove` raises, TimeoutError where it takes too long."""
        if self._proven_at is not None and asyncio.get_running_loop().time() - self._proven_at < PROVEN_SECONDS:
            return
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._work())
            self._under_way.add_done_callback(_seen)
        await asyncio.shield(self._under_way)

    async def _work(self) -> None:
        async with asyncio.timeout(PROOF_TIMEOUT_SECONDS):
            await self._prove()
        self._proven_at = asyncio.get_running_loop().time()


def _seen(task: asyncio.Task[None]) -> None:
    """Whoever asked may have left: its failure is nobody's then."""
    if not task.cancelled():
        task.exception()
