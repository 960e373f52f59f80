"""All watched runs of this process: a log a scope, counted by its readers, gone some seconds after the last one."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from gateway.event_stream.log.events import LogScope
from gateway.event_stream.log.ring import Ring
from gateway.event_stream.log.run_log import RunLog
from gateway.event_stream.log.source import Source
from gateway.event_stream.settings import StreamSettings
from shared.cancellation import cancel_all
from shared.errors import BrokerUnavailable
from shared.logs import Logger

FIRST_PROBE_SECONDS: Final = 1.0
PROBE_SECONDS: Final = 10.0
ROUND_SECONDS: Final = 0.5
LOGS_BYTES: Final = 256 * 1024 * 1024
"""What the logs of all watched runs may hold together; whoever reads what was dropped gets it from the stream."""


@dataclass(slots=True)
class _Watched:
    log: RunLog
    task: asyncio.Task[None]
    users: int = 0
    unused_since: float = 0.0
    probe_at: float = field(default_factory=lambda: time.monotonic() + FIRST_PROBE_SECONDS)


class Hub:
    """Gives logs to readers and keeps them whole. `run` probes and forgets; it is started with the first reader."""

    def __init__(self, source: Source, settings: StreamSettings, log: Logger) -> None:
        self.source = source
        self._settings = settings
        self._log = log
        self._watched: dict[LogScope, _Watched] = {}

    @property
    def scopes(self) -> list[LogScope]:
        """What is watched now."""
        return list(self._watched)

    @asynccontextmanager
    async def watching(self, scope: LogScope, base: int | None) -> AsyncIterator[RunLog]:
        """The log of a scope for the length of a `with` block.

        A log that is made now begins after the sequence `base`, or with what comes (None); one that is there
        already is shared, wherever it begins. Raises BrokerUnavailable.
        """
        watched = await self._get(scope, base)
        watched.users += 1
        try:
            yield watched.log
        finally:
            watched.users -= 1
            watched.unused_since = time.monotonic()

    def refill(self) -> None:
        """Something may have been missed, on every run."""
        for watched in self._watched.values():
            watched.log.refill()

    def forget(self, run_id: str) -> None:
        """The run was deleted: its logs go, and their readers with them."""
        for watched in [one for scope, one in self._watched.items() if scope.run_id == run_id]:
            self._drop(watched, "it was deleted")

    def is_watched(self, scope: LogScope) -> bool:
        """Whether a log of this scope is there already."""
        return scope in self._watched

    def position(self, scope: LogScope) -> int:
        """The last sequence that the log of this scope has; 0 where there is none."""
        watched = self._watched.get(scope)
        return watched.log.position if watched is not None else 0

    async def run(self) -> None:
        """Forgets unused logs and asks for last sequences, until it is cancelled."""
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            self._forget_unused()
            self._share_memory()
            for watched in list(self._watched.values()):
                if time.monotonic() >= watched.probe_at:
                    await self._probe(watched)

    async def close(self) -> None:
        """Ends every log and waits for their tasks."""
        tasks = [watched.task for watched in self._watched.values()]
        for watched in list(self._watched.values()):
            self._drop(watched, "the server is going down")
        await cancel_all(tasks)

    async def _get(self, scope: LogScope, base: int | None) -> _Watched:
        epoch = (await self.source.state()).epoch
        watched = self._watched.get(scope)
        if watched is not None and watched.log.epoch != epoch:
            self._drop(watched, "the stream was made anew")
            watched = None
        return watched or self._begin(scope, epoch, base)

    def _begin(self, scope: LogScope, epoch: str, base: int | None) -> _Watched:
        ring = Ring(base or 0, self._settings.stream_log_bytes, self._settings.stream_log_events)
        log = RunLog(scope, epoch, base, self.source, ring, self._log)
        task = asyncio.create_task(self._kept(log), name=f"log of {scope.run_id}")
        watched = self._watched[scope] = _Watched(log, task)
        return watched

    async def _kept(self, log: RunLog) -> None:
        """Runs a log; whatever ends it before its run's end ends its readers too, who come again."""
        try:
            await log.run()
        except BrokerUnavailable as error:
            self._log.info("run not watched any more", run_id=log.scope.run_id, error=str(error))
        finally:
            if not log.over:
                log.fail("the broker is away")
            if not log.ring.ended:
                self._remove(log)

    def _remove(self, log: RunLog) -> None:
        watched = self._watched.get(log.scope)
        if watched is not None and watched.log is log:
            del self._watched[log.scope]

    def _drop(self, watched: _Watched, reason: str) -> None:
        if not watched.log.over:
            watched.log.fail(reason)
        watched.task.cancel()
        self._remove(watched.log)

    def _forget_unused(self) -> None:
        forgotten = time.monotonic() - self._settings.stream_linger_seconds
        for watched in list(self._watched.values()):
            if watched.users == 0 and watched.unused_since <= forgotten:
                self._drop(watched, "nobody reads it")

    def _share_memory(self) -> None:
        """What all logs hold is bounded: each may be as large as it likes only while there are few."""
        if sum(watched.log.ring.size for watched in self._watched.values()) <= LOGS_BYTES:
            return
        share = LOGS_BYTES // len(self._watched)
        for watched in self._watched.values():
            if watched.log.ring.size > share:
                watched.log.ring.trim(share)

    async def _probe(self, watched: _Watched) -> None:
        """One question after subscribing, then one every few seconds: what was lost unseen is found."""
        watched.probe_at = time.monotonic() + PROBE_SECONDS
        log = watched.log
        if log.over or log.filling or not self.source.ready:
            return
        try:
            state = await self.source.state()
            last = await self.source.last_sequence(log.scope)
        except BrokerUnavailable as error:
            self._log.info("run not probed", run_id=log.scope.run_id, error=str(error))
            return
        if state.epoch != log.epoch:
            self._drop(watched, "the stream was made anew")
        elif last > log.position and not log.over:
            log.refill()
