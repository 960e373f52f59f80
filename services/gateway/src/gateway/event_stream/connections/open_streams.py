"""The open event streams of this process: their writes, their wake-ups, their ends.

A client has no queue. It writes what it finds in a log, waits until it is woken, and writes again; what it has not
taken yet stays in the log. One task wakes those whose time has come (a heartbeat, a new look) and cuts those whose
write hangs; a client that is cut comes again with its last id.
"""

import asyncio
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.types import Receive, Send

from gateway.event_stream.log.frames import HEARTBEAT
from gateway.event_stream.settings import StreamSettings

LONGEST_ROUND_SECONDS: Final = 0.5
SHORTEST_ROUND_SECONDS: Final = 0.02


class OpenStream:
    """One open stream. `leaving` says that it is to end itself now, with a good-bye.

    `due` is when it owes a heartbeat, `alarm` when it wants to be woken for reasons of its own.
    """

    __slots__ = (
        "_bound",
        "_heartbeat",
        "_send",
        "_waiter",
        "_woken",
        "alarm",
        "cut_off",
        "due",
        "leaving",
        "sending_since",
    )

    def __init__(self, send: Send, heartbeat_seconds: float) -> None:
        self._send = send
        self._heartbeat = heartbeat_seconds
        self._waiter: asyncio.Future[None] | None = None
        self._woken = False
        self._bound: asyncio.Timeout | None = None
        self.leaving = False
        self.cut_off = False
        self.sending_since: float | None = None
        self.due = time.monotonic() + heartbeat_seconds
        self.alarm = math.inf

    async def write(self, data: bytes) -> None:
        """Hands the bytes to the connection, waiting while it holds too many already."""
        if not data:
            return
        self.sending_since = time.monotonic()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self.due = self.sending_since + self._heartbeat
        self.sending_since = None

    async def wait(self) -> None:
        """Returns when somebody woke it, at the latest after a heartbeat, which it writes."""
        if not self._woken:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._woken = False
        if time.monotonic() >= self.due and not self.leaving:
            await self.write(HEARTBEAT)

    def wake(self) -> None:
        """Has `wait` return, now or the next time."""
        self._woken = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def leave(self) -> None:
        """Has it end itself; one whose write hangs is cut instead."""
        self.leaving = True
        if self.sending_since is not None:
            self.cut()
        self.wake()

    def bind(self, bound: asyncio.Timeout) -> None:
        """Names the time-out that `cut` makes expire."""
        self._bound = bound

    def cut(self) -> None:
        """Ends it wherever it stands: it left, or takes nothing."""
        if not self.cut_off and self._bound is not None:
            self.cut_off = True
            self._bound.reschedule(asyncio.get_running_loop().time())

    async def cut_when_gone(self, receive: Receive) -> None:
        """Cuts it as soon as its client has left."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.cut()


class OpenStreams:
    """All open streams. `run` keeps their time until it is cancelled."""

    def __init__(self, settings: StreamSettings, stopping: asyncio.Event) -> None:
        self._settings = settings
        self._stopping = stopping
        self._open: set[OpenStream] = set()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def full(self) -> bool:
        """Whether this process holds as many streams as it may."""
        return len(self._open) >= self._settings.stream_open_limit

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def new(self, send: Send) -> OpenStream:
        return OpenStream(send, self._settings.stream_heartbeat_seconds)

    @contextmanager
    def holding(self, stream: OpenStream) -> Iterator[None]:
        """Counts the client among the open ones."""
        self._open.add(stream)
        stream.leaving = self.stopping
        try:
            yield
        finally:
            self._open.discard(stream)

    async def keep_time(self) -> None:
        """Wakes who is due and cuts who hangs, until it is cancelled."""
        pause = self._settings.stream_heartbeat_seconds / 4
        while True:
            await asyncio.sleep(min(LONGEST_ROUND_SECONDS, max(SHORTEST_ROUND_SECONDS, pause)))
            now = time.monotonic()
            for stream in list(self._open):
                if stream.sending_since is None:
                    if now >= stream.due or now >= stream.alarm:
                        stream.wake()
                elif now - stream.sending_since > self._settings.stream_send_limit_seconds:
                    stream.cut()

    async def end_when_stopping(self) -> None:
        """Ends every stream as soon as the server is told to stop."""
        await self._stopping.wait()
        self.end_all()

    def end_all(self) -> None:
        """Has every stream end itself now."""
        for stream in list(self._open):
            stream.leave()
