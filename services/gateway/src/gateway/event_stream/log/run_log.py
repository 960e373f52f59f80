"""One watched run: what is heard live and what is read from history become one log without holes.

    heard ──▶ in order? no hole? ──▶ appended ──▶ readers wake
                     │ a hole, a reconnect, a probe that knows more
                     ▼
              filling: read from the last complete sequence up to what was heard;
                       what is heard meanwhile waits, and is looked at again afterwards

What counts as a hole is `completeness.py`'s to say (docs/architecture.md, "Event streams in the gateway").
"""

import asyncio
import time
from typing import Final

from gateway.event_stream.log.backfill import Backfill, item_of
from gateway.event_stream.log.completeness import Completeness
from gateway.event_stream.log.events import DELTA, LogScope, StreamEvent
from gateway.event_stream.log.frames import EventEncoder
from gateway.event_stream.log.gaps import gap_event
from gateway.event_stream.log.ring import Item, Ring
from gateway.event_stream.log.source import Source, Unsubscribe
from gateway.event_stream.log.waiters import Waiters
from gateway.event_stream.log.waiting_events import WaitingEvents, by_sequence
from shared.errors import BrokerUnavailable
from shared.logs import Logger

LAG_PAUSE_SECONDS: Final = 0.05
LAG_LIMIT_SECONDS: Final = 10.0
AWAY_PAUSE_SECONDS: Final = 0.25


class RunLog:
    """The log of one scope. `run` is its only task; everything else happens at once, in the event loop."""

    __slots__ = (
        "_away",
        "_backfill",
        "_completeness",
        "_from_now",
        "_generation",
        "_incoming",
        "_log",
        "_source",
        "_stirred",
        "_waiters",
        "_waiting",
        "encoder",
        "epoch",
        "fact_watchers",
        "failure",
        "filled",
        "filling",
        "readers",
        "ring",
        "scope",
    )

    def __init__(self, scope: LogScope, epoch: str, base: int | None, source: Source, ring: Ring, log: Logger) -> None:
        self.scope = scope
        self.epoch = epoch
        self.encoder = EventEncoder(epoch, scope.run_id)
        self.ring = ring
        self._waiters = Waiters()
        self.readers = self._waiters.readers
        self.fact_watchers = self._waiters.fact_watchers
        self.filling, self.filled = True, False
        self.failure: str | None = None
        self._source = source
        self._log = log
        self._from_now = base is None
        self._completeness = Completeness(scope, base or 0)
        # Not an Event, whose queue of waiters is most of what an idle log would hold.
        self._stirred: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._incoming: list[StreamEvent] = []
        self._waiting = WaitingEvents()
        self._generation = 0
        self._backfill = Backfill(scope, source, ring, self.encoder)
        self._away = False

    @property
    def position(self) -> int:
        """The last sequence that readers have, or that holds nothing of the scope."""
        return self._completeness.position

    @property
    def over(self) -> bool:
        """Whether nothing will be appended any more."""
        return self.ring.ended or self.failure is not None

    @property
    def base_is_open(self) -> bool:
        """Whether it is not known yet where the log begins."""
        return self._from_now

    async def run(self) -> None:
        """Listens first, then fills; fills again whenever it has to. Ends with the run, or by cancellation."""
        unsubscribe = await self._source.listen(self.scope, self._deliver)
        self._generation = self._source.generation
        try:
            while not self.over:
                self._stirred = asyncio.get_running_loop().create_future()
                await self._fill()
                if not self._stirred.done():
                    self._settle()
                if not self.filling and not self.over:
                    await self._stirred
        finally:
            await self._unsubscribe(unsubscribe)

    def refill(self, must_reach: int = 0) -> None:
        """Something may be missing: nothing is appended before history was read, at least up to `must_reach`."""
        if self.over:
            return
        self.filling = True
        self._waiting.require(must_reach)
        self._stir()

    def fail(self, reason: str) -> None:
        """Ends the log: its readers leave and come again."""
        self.failure = reason
        self._stir()
        self._waiters.wake(facts=True)

    async def reach_back(self, sequence: int) -> None:
        """Has the log begin after `sequence` if there is room. Raises BrokerUnavailable."""
        if await self._backfill.bring(sequence) and self.ring.ended:
            self._stir()
            self._waiters.wake()

    def _stir(self) -> None:
        """Has `run` look again at what there is to do."""
        if not self._stirred.done():
            self._stirred.set_result(None)

    async def _unsubscribe(self, unsubscribe: Unsubscribe) -> None:
        try:
            await unsubscribe()
        except BrokerUnavailable as error:
            self._log.info("subscription ended with its connection", run_id=self.scope.run_id, error=str(error))

    # -- live ---------------------------------------------------------------------------------------------------

    def _deliver(self, event: StreamEvent) -> None:
        """Takes what arrived together in the order of the stream, for two subscriptions may interleave."""
        if not self._incoming:
            asyncio.get_running_loop().call_soon(self._take_incoming)
        self._incoming.append(event)

    def _take_incoming(self) -> None:
        incoming, self._incoming = self._incoming, []
        self._waiters.announce()
        if self._source.generation != self._generation:
            self._generation = self._source.generation
            self.refill()
        if len(incoming) > 1:
            incoming.sort(key=by_sequence)
        for event in incoming:
            self._take(event)
        self._waiters.wake_all()

    def _take(self, event: StreamEvent) -> None:
        if self.ring.ended:
            return
        if self.filling:
            self._waiting.add(event)
        elif event.sequence <= self.position:
            self._notice_late(event)
        elif self._completeness.hole_before(event):
            self.refill(event.sequence)
            self._waiting.add(event)
        else:
            self._append(event)

    def _notice_late(self, event: StreamEvent) -> None:
        if self._completeness.takes_late(event):
            self._tell_gap(event.sequence, event.sequence)

    # -- history ------------------------------------------------------------------------------------------------

    async def _fill(self) -> None:
        """Reads until what was heard is reached; a broker that is away is waited for."""
        give_up_at: float | None = None
        while not self.over:
            if not await self._could_read():
                await asyncio.sleep(AWAY_PAUSE_SECONDS)
                continue
            if self.position >= self._waiting.must_reach:
                break
            give_up_at = give_up_at or time.monotonic() + LAG_LIMIT_SECONDS
            if time.monotonic() > give_up_at:
                self._skip()
                break
            await asyncio.sleep(LAG_PAUSE_SECONDS)

    async def _could_read(self) -> bool:
        try:
            await self._read()
        except BrokerUnavailable as error:
            if not self._away:
                self._log.info("history is not readable yet", run_id=self.scope.run_id, error=str(error))
            self._away = True
            return False
        self._away = False
        return True

    async def _read(self) -> None:
        up_to = await self._source.last_sequence(self.scope)
        if self._from_now:
            self._from_now = False
            self.ring.base = up_to
            self._completeness.skip(up_to)
            return
        async for event in self._source.read(self.scope, self._completeness.of_events, up_to):
            if event.sequence > self.position:
                self._append(event)
            else:
                self._notice_late(event)
            if self.ring.ended:
                return
        self._completeness.read(up_to)

    def _skip(self) -> None:
        """What was promised by a later event never became readable: it is told as a gap, and the run goes on."""
        first, last = self.position + 1, self._waiting.must_reach - 1
        self._completeness.skip(last)
        if first <= last:
            self._log.warning("events are missing from history", run_id=self.scope.run_id, first=first, last=last)
            self._tell_gap(first, last)

    def _settle(self) -> None:
        """History is in: what was heard meanwhile is next, and may show another hole."""
        self.filling, self.filled = False, True
        for event in self._waiting.take():
            self._take(event)
        self._waiters.wake()

    def _append(self, event: StreamEvent) -> None:
        self._completeness.append(event)
        if not self.scope.holds(event):
            return
        self.ring.append(item_of(event, self.encoder))
        if self.ring.ended:
            self._stir()
        self._waiters.wake(facts=event.type != DELTA)

    def _tell_gap(self, first: int, last: int) -> None:
        frame = gap_event(self.encoder, self.scope.run_id, self.position, first, last)
        self.ring.append(Item(self.position, "gap", None, frame))
        self._waiters.wake(facts=True)
