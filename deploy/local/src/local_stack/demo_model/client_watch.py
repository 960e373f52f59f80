"""The other end of a request: is it still there?"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any, Self

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class ClientWatch:
    """Notices the moment a client goes away, also while an answer is waiting for its time.

    Use as an async context manager, once the request's body has been read.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.Future[None] | None = None
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    def now(self) -> float:
        """The loop's clock, in seconds; `until` takes its values."""
        return self._loop.time()

    async def until(self, moment: float) -> bool:
        """Waits for a moment of the loop's clock, at most as long as the client is there; False if it is gone."""
        if not self._gone and moment > self._loop.time():
            self._alarm = self._loop.create_future()
            timer = self._loop.call_at(moment, self._ring)
            try:
                await self._alarm
            finally:
                timer.cancel()
        return not self._gone

    async def until_gone(self) -> None:
        """Waits for the client to go away."""
        if not self._gone:
            self._alarm = self._loop.create_future()
            await self._alarm

    def _ring(self) -> None:
        if self._alarm is not None and not self._alarm.done():
            self._alarm.set_result(None)

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass  # What a client sends after its body means nothing.
        self._gone = True
        self._ring()
