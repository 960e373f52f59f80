"""The status object as an event stream: `new EventSource(".../status")` with `onmessage` is a complete client."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from gateway.event_stream.connections.open_streams import OpenStream
from gateway.event_stream.log.cursors import run_tag
from gateway.event_stream.log.events import LogScope
from gateway.event_stream.log.frames import unnamed
from gateway.event_stream.log.hub import Hub
from gateway.event_stream.log.run_log import RunLog
from gateway.event_stream.settings import StreamSettings
from shared.contracts.runs import Run, status_view
from shared.errors import BrokerUnavailable, UnknownRun
from shared.logs import Logger
from shared.storage.owned import OwnedStore

DONE: Final = b"data: [DONE]\n\n"
RUNS_KEPT: Final = 1000
WITHOUT_BROKER_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class StatusReading:
    """A run's status as it was read: its id on the wire, its bytes, whether it is the last."""

    identity: str
    body: bytes
    terminal: bool

    @classmethod
    def of(cls, run: Run) -> "StatusReading":
        body = status_view(run).to_json()
        version = "end" if run.terminal else sha256(body).hexdigest()[:12]
        return cls(f"{run_tag(run.id)}-{version}", body, run.terminal)


@dataclass(slots=True)
class _Kept:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    read_at: float = 0.0
    reading: StatusReading | None = None


class StatusCache:
    """Reads runs for all status streams of this process: at most one read a run and spacing, whoever asks."""

    def __init__(self, settings: StreamSettings) -> None:
        self._spacing = settings.stream_status_spacing_seconds
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def read(self, store: OwnedStore, run_id: str, since: float) -> StatusReading:
        """The status as read at `since` (monotonic) or later. Raises StoreUnavailable, UnknownRun."""
        kept = self._kept.setdefault(run_id, _Kept())
        self._kept.move_to_end(run_id)
        if len(self._kept) > RUNS_KEPT:
            self._kept.popitem(last=False)
        async with kept.lock:
            if kept.reading is None or kept.read_at < since:
                await asyncio.sleep(max(0.0, kept.read_at + self._spacing - time.monotonic()))
                kept.read_at = time.monotonic()
                kept.reading = await _fetched(store, run_id)
            return kept.reading


async def _fetched(store: OwnedStore, run_id: str) -> StatusReading:
    run = await store.runs.get(run_id)
    if run is None:
        raise UnknownRun(run_id)
    return StatusReading.of(run)


class _Change:
    """Remembers when a fact was heard last, and wakes its client."""

    def __init__(self, stream: OpenStream) -> None:
        self._stream = stream
        self.heard_at = 0.0

    def wake(self) -> None:
        self.heard_at = time.monotonic()
        self._stream.wake()


class StatusStream:
    """Serves one client: the status now, at each change, and last with `terminal: true`."""

    def __init__(
        self,
        hub: Hub,
        statuses: StatusCache,
        settings: StreamSettings,
        store: OwnedStore,
        run: Run,
        log: Logger,
        *,
        last_id: str | None,
        done: bool,
    ) -> None:
        self._hub = hub
        self._statuses = statuses
        self._settings = settings
        self._store = store
        self._run_id = run.id
        self._whole = LogScope.of(run, None)
        self._first: StatusReading | None = StatusReading.of(run)
        self._log = log
        self._last_id = last_id
        self._done = done

    async def __call__(self, stream: OpenStream) -> None:
        """Writes until the run has ended. Raises StoreUnavailable where the client has to come again."""
        change = _Change(stream)
        first, self._first = self._first, None
        if first is None or await self._tell(stream, first):
            return
        del first
        try:
            async with self._hub.watching(self._scope(), None) as run_log:
                run_log.fact_watchers.add(change)
                try:
                    await self._follow(stream, change, run_log)
                finally:
                    run_log.fact_watchers.discard(change)
        except BrokerUnavailable as error:
            # The store alone says enough, a little later.
            self._log.info("status is polled", run_id=self._run_id, error=str(error))
            await self._follow(stream, change, None)

    def _scope(self) -> LogScope:
        """What is watched for events already serves; else facts are enough."""
        return self._whole if self._hub.is_watched(self._whole) else LogScope(self._run_id, texts=False)

    async def _follow(self, stream: OpenStream, change: _Change, run_log: RunLog | None) -> None:
        period = WITHOUT_BROKER_SECONDS if run_log is None else self._settings.stream_status_period_seconds
        # What happened since the run was read and before it was watched is looked for once.
        stream.alarm = time.monotonic() + self._settings.stream_status_spacing_seconds
        read_at = time.monotonic()
        while not stream.leaving:
            await stream.wait()
            if run_log is not None and run_log.failure is not None:
                raise BrokerUnavailable("the run's events", ConnectionError(run_log.failure))
            if change.heard_at > read_at or time.monotonic() >= stream.alarm:
                # Whoever heard of the same change shares one read of it.
                read_at = change.heard_at if change.heard_at > read_at else time.monotonic()
                if await self._tell(stream, await self._statuses.read(self._store, self._run_id, read_at)):
                    return
                stream.alarm = time.monotonic() + period

    async def _tell(self, stream: OpenStream, reading: StatusReading) -> bool:
        """Writes a status that is new to the client; answers whether it was the last."""
        if reading.identity != self._last_id:
            self._last_id = reading.identity
            await stream.write(unnamed(reading.body, reading.identity))
        if reading.terminal and self._done:
            await stream.write(DONE)
        return reading.terminal


def status_is_at_end(last_id: str | None, run: Run) -> bool:
    """Whether the client has the last status already: its reconnect is answered 204."""
    return run.terminal and last_id == f"{run_tag(run.id)}-end"
