"""How often answers are read: the first text at once, then all of a process together, every few hundredths of a second.

Text is published no more often than that, so a token need not wake anybody: what comes meanwhile waits in its
connection's buffer and is one text. Whoever reads together publishes together, in one write to the broker.
"""

import asyncio

import aiohttp


class Rhythm:
    """The beat of a process, `seconds` after the first who came to wait for it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: list[asyncio.Future[None]] = []

    def beat(self) -> asyncio.Future[None]:
        """Done with the next beat, or before it by whoever waits."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_later(self._seconds, self._wake)
        waiting = loop.create_future()
        self._waiting.append(waiting)
        return waiting

    def _wake(self) -> None:
        woken, self._waiting = self._waiting, []
        for waiting in woken:
            _end(waiting)


class Reading:
    """One answer's reading: at once until text has begun, then by the beat; what has ended is read at once."""

    def __init__(self, rhythm: Rhythm, content: aiohttp.StreamReader) -> None:
        self.text_began = False
        self._rhythm = rhythm
        self._ended = False
        self._waiting: asyncio.Future[None] | None = None
        content.on_eof(self._end)

    async def next(self) -> None:
        """Returns when it is worth reading on."""
        if self.text_began and not self._ended:
            self._waiting = self._rhythm.beat()
            await self._waiting

    def _end(self) -> None:
        self._ended = True
        if self._waiting is not None:
            _end(self._waiting)


def _end(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
