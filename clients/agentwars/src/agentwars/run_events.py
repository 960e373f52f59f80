"""Following a run to its end over connections that may break, each event once.

    stream ──ends or breaks──> wait min(retry * 2^n, 30 s) ──> stream from the last id ──> ... ──> `run.ended` or 204
                                 │ from the third failure in a row on:
                                 └ the wait is spent polling, and what was missed is said as events

A `snapshot` or a `gap` on the stream says that events were missed: they are filled in by polling, too.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from agentwars.backfill import missed_events
from agentwars.deduplication import DeliveredFacts
from agentwars.errors import ApiError, BrokenStream, ServiceUnavailable
from agentwars.sse import MEDIA_TYPE, Event, Parser, read

if TYPE_CHECKING:
    from agentwars.client import Client

FIRST_WAIT: Final = timedelta(seconds=1)
LONGEST_WAIT: Final = timedelta(seconds=30)
POLL_EVERY: Final = timedelta(seconds=1.5)
_FAILURES_BEFORE_POLLING: Final = 3
_INCOMPLETE: Final = ("snapshot", "gap")


@dataclass
class Follower:
    """`pause` sleeps; `give_up_after` is how long no contact at all is borne."""

    client: "Client"
    run_id: str
    cursor: str | None = None
    start: Literal["start", "now"] = "start"
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    give_up_after: timedelta = timedelta(minutes=5)
    _delivered: DeliveredFacts = field(default_factory=DeliveredFacts)
    _failures: int = 0
    _silent: timedelta = timedelta()
    _retry: timedelta = FIRST_WAIT
    _over: bool = False

    async def events(self) -> AsyncGenerator[Event, None]:
        """Raises ApiError for what will not pass (404, 401 ...), ServiceUnavailable when contact is lost for good."""
        if self.start == "now" and self.cursor is None:
            await self._pass_over()
        while not self._over:
            for source in (self._listen, self._wait):
                async with aclosing(source()) as heard:
                    async for event in heard:
                        yield event
                if self._over:
                    return

    async def _pass_over(self) -> None:
        async for event in missed_events(self.client, self.run_id, self._delivered):
            # The end is still news to somebody who begins to watch an ended run.
            if event.type != "run.ended":
                self._delivered.is_news(event)

    async def _listen(self) -> AsyncGenerator[Event, None]:
        self._failures += 1  # until an event says otherwise
        try:
            async with aclosing(self._stream()) as heard:
                async for event in heard:
                    yield event
        except (ServiceUnavailable, BrokenStream):
            return
        except ApiError as refused:
            if not refused.passes:
                raise

    async def _stream(self) -> AsyncGenerator[Event, None]:
        parser = Parser(last_id=self.cursor)
        async with self.client.event_stream(self.run_id, self.cursor, self.start) as response:
            if response.status_code == 204:
                self._over = True
                return
            if not response.headers.get("content-type", "").startswith(MEDIA_TYPE):
                raise BrokenStream(f"its content type is {response.headers.get('content-type')}")
            self._silent = timedelta()
            async for event in read(response, parser):
                self._failures, self._retry = 0, parser.retry or self._retry
                async for told in self._tell(event):
                    yield told
                self.cursor = parser.last_id
                if self._over:
                    return
            self.cursor, self._retry = parser.last_id, parser.retry or self._retry

    async def _tell(self, event: Event) -> AsyncGenerator[Event, None]:
        if self._delivered.is_news(event):
            yield event
        self._over = event.type == "run.ended"
        if event.type in _INCOMPLETE:
            async for missed in self._poll():
                yield missed

    async def _wait(self) -> AsyncGenerator[Event, None]:
        left = min(self._retry * 2**self._failures, LONGEST_WAIT)
        polling = self._failures >= _FAILURES_BEFORE_POLLING
        while left > timedelta():
            step = min(left, POLL_EVERY) if polling else left
            await self._bear(step)
            left -= step
            if polling:
                async for event in self._poll():
                    yield event
                if self._over:
                    return

    async def _bear(self, step: timedelta) -> None:
        if self._silent >= self.give_up_after:
            raise ServiceUnavailable(self.client.base_url, f"no contact for {self._silent.total_seconds():.0f} s")
        await self.pause(step.total_seconds())
        self._silent += step

    async def _poll(self) -> AsyncGenerator[Event, None]:
        try:
            async for event in missed_events(self.client, self.run_id, self._delivered):
                if self._delivered.is_news(event):
                    yield event
                self._over = self._over or event.type == "run.ended"
            self._silent = timedelta()
        except ServiceUnavailable:
            return
        except ApiError as refused:
            if not refused.passes:
                raise
