"""That something works is shown by its work, and believed for a while."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from shared.cancellation import ends_within, note_failure

PROVEN_SECONDS = 4.0
PROOF_TIMEOUT_SECONDS = 2.5


class CachedCheck:
    """Has `prove` do the work where it was not seen to succeed of late; those who ask meanwhile wait for the same.

    However many ask, there is one piece of work at a time, and none for some seconds after one that succeeded. Nobody
    waits longer than it may take, though it does not end.
    """

    def __init__(self, prove: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._prove = prove
        self._proven_at: float | None = None
        self._under_way: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        """Returns where it works. Raises what `prove` raises, TimeoutError where it takes too long."""
        if self._proven_at is not None and asyncio.get_running_loop().time() - self._proven_at < PROVEN_SECONDS:
            return
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._work())
            # Whoever asked may have left when it fails.
            self._under_way.add_done_callback(note_failure)
        done, _ = await asyncio.wait({self._under_way}, timeout=PROOF_TIMEOUT_SECONDS)
        if not done:
            raise TimeoutError
        self._under_way.result()

    async def ended(self) -> None:
        """Returns when no work is under way any more, or it does not end in time."""
        if self._under_way is not None:
            await asyncio.wait({self._under_way}, timeout=PROOF_TIMEOUT_SECONDS)

    async def _work(self) -> None:
        if not await ends_within(PROOF_TIMEOUT_SECONDS, self._prove()):
            raise TimeoutError
        self._proven_at = asyncio.get_running_loop().time()
