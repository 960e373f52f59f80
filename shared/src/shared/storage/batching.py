"""Group commit: what arrives while a batch is under way forms the next one.

Under load the driver's cost per operation, not the server's, is what a turn waits for (docs/protocol.md,
preface); one operation alone is never delayed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shared.errors import PermanentError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Turns single requests into batches of at most `largest`, at most `parallel` under way at once.

    `perform` answers one result, or one exception, for every item, in their order. A submitter that is cancelled
    leaves its item in the batch: what was handed over may have happened. A batch that fails for good (one item is more
    than the store can hold) is performed item by item, so that it fails for one only: performing an item again must be
    harmless, as it is after any time-out.
    """

    def __init__(
        self,
        perform: Callable[[Sequence[Item]], Awaitable[Sequence[Result | BaseException]]],
        largest: int = 100,
        parallel: int = 2,
    ) -> None:
        self._perform = perform
        self._largest = largest
        self._parallel = parallel
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item) -> Result:
        """Has the item performed with the next batch, and returns its result or raises its exception."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._start()
        return await future

    def _start(self) -> None:
        while self._waiting and len(self._under_way) < self._parallel:
            size = min(self._largest, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(size)]
            task = asyncio.create_task(self._run(batch))
            self._under_way.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._start()

    async def _run(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._perform([item for item, _ in batch])
        except PermanentError as error:
            if len(batch) > 1:
                for one in batch:
                    await self._run([one])
                return
            results = [error]
        except Exception as error:  # noqa: BLE001 - handed to every submitter of the batch
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self._waiting and not self._under_way
