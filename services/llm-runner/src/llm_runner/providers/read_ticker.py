"""How often answers are read: the first text at once, then all of a process together, every few hundredths of a second.

Text is published no more often than that, so a token need not wake anybody: what comes meanwhile waits in its
connection's buffer and is one text. Whoever reads together publishes together, in one write to the broker, and one
wake-up carries the texts of all answers to everybody behind it. So an answer to which nothing came is not read either,
until the next tick: one that waited for its next token itself would fall out of step with the others.
"""

import asyncio

import aiohttp


class AnswerReading:
    """One answer's reading: at once until text has begun, then tick by tick; what has ended is read at once."""

    def __init__(self, ticker: "ReadTicker", content: aiohttp.StreamReader) -> None:
        self.text_began = False
        self._ticker = ticker
        self._content = content
        self._read_bytes = 0
        self._ended = False
        self._waiting: asyncio.Future[None] | None = None
        content.on_eof(self._end)

    async def next(self) -> None:
        """Returns when it is worth reading on."""
        if not self.text_began or self._ended:
            return
        self._read_bytes = self._content.total_bytes
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            self._ticker.join(self)
            await self._waiting
        finally:
            self._waiting = None

    def tick(self) -> bool:
        """Has the reader go on where something came, or where it does not wait any more; whether it did."""
        content = self._content
        if self._waiting is None or content.total_bytes > self._read_bytes or content.exception() is not None:
            self._go_on()
            return True
        return False

    def _end(self) -> None:
        self._ended = True
        self._go_on()

    def _go_on(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class ReadTicker:
    """Ticks every `seconds` while an answer waits for it, once for all answers of the process."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: list[AnswerReading] = []

    def join(self, reading: AnswerReading) -> None:
        """The reading is asked at every tick, until it goes on."""
        if not self._waiting:
            asyncio.get_running_loop().call_later(self._seconds, self._tick)
        self._waiting.append(reading)

    def _tick(self) -> None:
        self._waiting = [reading for reading in self._waiting if not reading.tick()]
        if self._waiting:
            asyncio.get_running_loop().call_later(self._seconds, self._tick)
