"""The live side of the gateway: what the routes and the app know of it."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager

from starlette.requests import Request
from starlette.responses import Response

from gateway.access.callers import Caller
from gateway.errors import TooManyStreams
from gateway.event_stream.connections.admission import Admission
from gateway.event_stream.connections.open_streams import OpenStream, OpenStreams
from gateway.event_stream.connections.response import EVERYBODY, EventStreamResponse, Serve
from gateway.event_stream.log.events import LogScope
from gateway.event_stream.log.hub import Hub
from gateway.event_stream.log.source import NatsSource
from gateway.event_stream.readers.run_event_stream import RunEventStream
from gateway.event_stream.readers.start_position import is_at_end
from gateway.event_stream.readers.status_stream import StatusCache, StatusStream, status_is_at_end
from gateway.event_stream.readers.stream_request import last_event_id, read_stream_request
from gateway.event_stream.settings import StreamSettings
from shared.cancellation import cancel_all
from shared.contracts.runs import Run
from shared.errors import BrokerUnavailable, StoreUnavailable
from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.storage.owned import StoreOf
from shared.storage.stream_leases import StreamLeases

CHANGE_LOOK_SECONDS = 1.0


class Streams:
    """Event streams of runs, status streams, and waiting for a run to move. One a process.

    `limit` is how many streams a user may have, over all gateways; `stopping` is set when the process is asked to stop.
    """

    def __init__(
        self,
        connection: Connection,
        store_of: StoreOf,
        leases: StreamLeases,
        settings: StreamSettings,
        limit: int | None,
        stopping: asyncio.Event,
        log: Logger,
    ) -> None:
        self._store_of = store_of
        self._settings = settings
        self._log = log
        self._source = NatsSource(connection)
        self._statuses = StatusCache(settings)
        self._tasks: list[asyncio.Task[None]] = []
        self.stopping = stopping
        self.hub = Hub(self._source, settings, log)
        self.open_streams = OpenStreams(settings, stopping)
        self.admission = Admission(leases, limit, log)
        connection.on_reconnected(self._on_reconnected)

    async def events(self, request: Request, caller: Caller, run: Run, conversation: str | None = None) -> Response:
        """A run's events as an event stream; 204 for a reader that has the last one.

        Raises InvalidRequest for a filter nobody knows, NotFound for a conversation of another run.
        """
        asked = read_stream_request(request, run, conversation)
        try:
            run = await self._with_end(run)
            if run.end_sequence is not None and is_at_end(asked.cursor, run, (await self._source.state()).epoch):
                return Response(status_code=204)
        except BrokerUnavailable as error:
            return self.reconnect_later(error)
        scope = LogScope.of(run, asked.wanted.conversation)
        return self.response(RunEventStream(self.hub, self._store_of(caller.owner), run, scope, asked), caller=caller)

    async def _with_end(self, run: Run) -> Run:
        """The run with its end, which stands on the stream a moment before it stands on the run."""
        if not run.terminal or run.end_sequence is not None:
            return run
        return run.model_copy(update={"end_sequence": await self._source.end_of(run.id)})

    async def status(self, request: Request, caller: Caller, run: Run) -> Response:
        """A run's status as an event stream; 204 for a client that has the last one."""
        last_id = last_event_id(request)
        if status_is_at_end(last_id, run):
            return Response(status_code=204)
        done = request.query_params.get("done") == "1"
        store = self._store_of(caller.owner)
        reader = StatusStream(
            self.hub, self._statuses, self._settings, store, run, self._log, last_id=last_id, done=done
        )
        return self.response(reader, {"Vary": "Accept"}, caller=caller)

    def reconnect_later(self, error: BrokerUnavailable | StoreUnavailable) -> Response:
        """An event stream that ends at once with the advice to reconnect: what is away will be back."""

        async def say(stream: OpenStream) -> None:
            raise error

        return self.response(say)

    async def check(self, caller: Caller) -> None:
        """Raises TooManyStreams where the caller may not have another stream: for a POST, before its first byte."""
        if self.open_streams.full:
            raise TooManyStreams
        await self.admission.check(caller)

    def admit(self, caller: Caller) -> AbstractAsyncContextManager[None]:
        """Counts a stream of the caller for the length of an `async with` block, which raises TooManyStreams."""
        return self.admission.admit(caller)

    def response(
        self,
        serve: Serve,
        headers: dict[str, str] | None = None,
        *,
        advised: bool = True,
        caller: Caller | None = None,
    ) -> EventStreamResponse:
        """An event stream that `serve` writes, counted for its caller; `advised` as in `EventStreamResponse`."""
        self.begin()
        admitted = self.admit(caller) if caller else EVERYBODY
        return EventStreamResponse(self.open_streams, serve, headers, advised=advised, admitted=admitted)

    async def wait_for_change(self, run_id: str, seconds: float) -> bool:
        """Whether a fact or a hint of the run was heard; at the latest after a second, for some may go unheard."""
        self.begin()
        changed = _Changed()
        started = time.monotonic()
        bound = min(seconds, CHANGE_LOOK_SECONDS)
        try:
            async with self.hub.watching(LogScope(run_id, texts=False), None) as log:
                log.fact_watchers.add(changed)
                try:
                    async with asyncio.timeout(bound):
                        await changed.happened.wait()
                finally:
                    log.fact_watchers.discard(changed)
        except TimeoutError:
            return False
        except BrokerUnavailable:
            await asyncio.sleep(max(0.0, bound - (time.monotonic() - started)))
            return False
        return True

    async def close(self) -> None:
        """Ends all streams and everything behind them."""
        self.open_streams.end_all()
        await cancel_all(self._tasks)
        await self.hub.close()
        await self.admission.close()

    def begin(self) -> None:
        """Starts what keeps streams alive, with the first of them: there is no event loop before."""
        if self._tasks:
            return
        for work in (
            self.hub.run(),
            self.open_streams.keep_time(),
            self.open_streams.end_when_stopping(),
            self.admission.run(),
        ):
            self._tasks.append(asyncio.create_task(work))

    async def _on_reconnected(self) -> None:
        self._source.forget_state()
        self.hub.refill()


class _Changed:
    """Waits for one wake-up."""

    def __init__(self) -> None:
        self.happened = asyncio.Event()

    def wake(self) -> None:
        self.happened.set()
