"""One reader of a run's events: replay and live tail are the same loop, only the bytes come from elsewhere."""

from gateway.event_stream.connections.open_streams import OpenStream
from gateway.event_stream.log.events import RUN_ENDED, RUN_STARTED, LogScope
from gateway.event_stream.log.frames import EventEncoder
from gateway.event_stream.log.hub import Hub
from gateway.event_stream.log.ring import BLOCK_BYTES
from gateway.event_stream.log.run_log import RunLog
from gateway.event_stream.readers.snapshot import snapshot, snapshot_position
from gateway.event_stream.readers.start_position import After, start_position
from gateway.event_stream.readers.stream_request import StreamRequest
from shared.contracts.runs import Run
from shared.errors import BrokerUnavailable, UnknownRun
from shared.storage.owned import OwnedStore


class RunEventStream:
    """Serves one client. `sequence` is the last event it has, or was told of by a snapshot.

    Of its run it keeps two figures: it lives for hours, and there are thousands of it.
    """

    __slots__ = (
        "_asked",
        "_ended",
        "_event_sequence",
        "_hub",
        "_run_id",
        "_scope",
        "_sequence",
        "_store",
        "_told",
        "_wanted",
    )

    def __init__(self, hub: Hub, store: OwnedStore, run: Run, scope: LogScope, asked: StreamRequest) -> None:
        self._hub = hub
        self._store = store
        self._run_id = run.id
        self._event_sequence = run.event_sequence
        self._scope = scope
        self._asked = asked
        self._wanted = asked.wanted
        self._sequence = 0
        self._told = False
        self._ended = False

    async def __call__(self, stream: OpenStream) -> None:
        """Writes until the run's end. Raises BrokerUnavailable or StoreUnavailable where it has to come again."""
        cursor = self._asked.cursor
        state = await self._hub.source.state(cursor.sequence if cursor else 0)
        beginning = start_position(self._asked, self._run_id, self._event_sequence, state)
        if isinstance(beginning, After):
            self._sequence = beginning.sequence
        else:
            await self._tell_state(stream, EventEncoder(state.epoch, self._run_id))
        if self._ended:
            return
        async with self._hub.watching(self._scope, self._sequence) as log:
            log.readers.add(stream)
            try:
                await self._follow(stream, log)
            finally:
                log.readers.discard(stream)

    async def _follow(self, stream: OpenStream, log: RunLog) -> None:
        while log.base_is_open and not (log.over or stream.leaving):
            await stream.wait()
        await log.reach_back(self._sequence)
        if self._sequence == 0 and not self._told and not await self._history_is_whole(stream, log):
            await self._tell_state(stream, log.encoder)
        while not (self._ended or stream.leaving):
            if self._sequence < log.ring.base:
                await self._replay(stream, log)
            else:
                await self._tail(stream, log)

    async def _tail(self, stream: OpenStream, log: RunLog) -> None:
        """Writes from the log until the run has ended, or the client has fallen out of the ring."""
        ring, joined_at, behind = log.ring, self._sequence, True
        index = ring.index_after(joined_at)
        while not stream.leaving:
            if log.failure is not None:
                raise BrokerUnavailable("the run's events", ConnectionError(log.failure))
            if behind:
                # On a replica that lags the log may get what this reader had from another gateway already.
                index = max(index, ring.index_after(joined_at))
                behind = log.position < joined_at
            if index < ring.start:
                return
            if index < ring.end:
                block = ring.block(index, self._wanted)
                await stream.write(block.data)
                index, self._sequence = block.next, max(self._sequence, block.sequence)
            elif ring.ended:
                self._ended = True
                return
            else:
                await stream.wait()

    async def _replay(self, stream: OpenStream, log: RunLog) -> None:
        """Writes stored events up to where the ring begins, by direct get."""
        up_to = log.ring.base
        kept: list[bytes] = []
        size = 0
        async for heard in self._hub.source.read(self._scope, self._sequence, up_to):
            if self._scope.holds(heard) and self._wanted.shows(heard.type, heard.conversation):
                kept.append(log.encoder.event(heard.sequence, heard.type, heard.payload))
                size += len(kept[-1])
            if size > BLOCK_BYTES:
                await stream.write(b"".join(kept))
                kept, size = [], 0
            self._ended = heard.type == RUN_ENDED
            if stream.leaving or self._ended:
                break
        await stream.write(b"".join(kept))
        self._sequence = up_to

    async def _history_is_whole(self, stream: OpenStream, log: RunLog) -> bool:
        """Whether the run's history begins with its first event, or has not begun yet."""
        while not (log.filled or log.ring.first_type or log.over or stream.leaving):
            await stream.wait()
        if log.ring.base == 0 and log.ring.first_type:
            return log.ring.first_type == RUN_STARTED
        async for heard in self._hub.source.read(self._scope, 0, log.ring.base):
            return heard.type == RUN_STARTED
        return self._event_sequence == 0 or log.over or stream.leaving

    async def _tell_state(self, stream: OpenStream, encoder: EventEncoder) -> None:
        """Writes a snapshot and goes on from there; of an ended run it is all there is."""
        up_to = await self._hub.source.last_sequence(LogScope(self._run_id, texts=True))
        run = await self._store.runs.get(self._run_id)
        if run is None:
            raise UnknownRun(self._run_id)
        self._sequence = snapshot_position(run, up_to)
        await stream.write(await snapshot(self._store, run, encoder.identity(self._sequence)))
        self._told = True
        self._ended = run.end_sequence is not None
