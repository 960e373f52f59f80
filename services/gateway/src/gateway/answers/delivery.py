"""How an answer reaches whoever asked for it: followed on its run's log, under a lease, as a stream or whole."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Any, Final

from starlette.requests import Request

from gateway.access.callers import Caller
from gateway.answers.answer_events import Answered, AnswerEvent, Closed, TextDelta
from gateway.answers.answer_text import ERROR
from gateway.answers.failures import AnswerFailed, failure_of
from gateway.answers.follower import AnswerFollower
from gateway.answers.reader_leases import ReaderLeases
from gateway.answers.response import AnswerResponse, Serve
from gateway.answers.route_headers import route_headers
from gateway.event_stream import Streams
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry, Failure
from shared.errors import BrokerUnavailable
from shared.logs import Logger
from shared.routing import Router
from shared.storage.owned import StoreOf

NOT_FOLLOWED: Final = Failure(
    code="unavailable", message="The message is kept, but its answer cannot be waited for here: send it again."
)
FIRST_TEXT_SECONDS: Final = 10.0

Left = Callable[[], Coroutine[Any, Any, object]]


class AnswerDelivery:
    """Makes what serves answers, the same for chats and for single answers."""

    def __init__(
        self, streams: Streams, reader_leases: ReaderLeases, store_of: StoreOf, router: Router, log: Logger
    ) -> None:
        self.streams = streams
        self.reader_leases = reader_leases
        self.router = router
        self._store_of = store_of
        self._log = log

    def follower(
        self, run: Run, seq: int, after: int = 0, *, standing: Entry | None = None, recorded: int = 0
    ) -> AnswerFollower:
        """What follows the answer at `seq`; the rest as `AnswerFollower` says."""
        store = self._store_of(run.owner)
        return AnswerFollower(self.streams.hub, store, run, seq, after, standing=standing, recorded=recorded)

    def headers(self, run: Run) -> dict[str, str]:
        """What an answer's headers say of its route."""
        return route_headers(self.router, run.settings.scenarios[0].agent, run.id)

    def response(self, caller: Caller, serve: Serve, headers: Mapping[str, str], *, events: bool) -> AnswerResponse:
        """A stream that was admitted for its caller, as `AnswerResponse` says."""
        self.streams.begin()
        counted = self.streams.admission.holding(caller)
        return AnswerResponse(self.streams.open_streams, serve, headers, self._log, events=events, counted=counted)

    async def whole(self, request: Request, follower: AnswerFollower, run_id: str, left: Left) -> Answered:
        """The answer when it is there. A caller that leaves stops it by `left`, where nobody else reads it here.

        Raises AnswerFailed, also where it cannot be followed here any more, and StoreUnavailable.
        """
        self.streams.begin()
        end = await self._end(request, follower, run_id, left)
        if end is None:
            raise AnswerFailed(NOT_FOLLOWED, {"conversationId": run_id})
        if isinstance(end, Closed):
            raise AnswerFailed(failure_of(end), {"conversationId": run_id})
        self.reader_leases.finished(run_id, follower.seq)
        if end.finish_reason == ERROR:
            raise AnswerFailed(failure_of(end), {"conversationId": run_id, "seq": follower.seq})
        return end

    async def told(self, request: Request, follower: AnswerFollower, run_id: str) -> None:
        """Returns as soon as there is something to show, at the latest after `FIRST_TEXT_SECONDS`.

        So an answer that fails before its first text has a status. Whoever left meanwhile, and what cannot be followed
        here, is for the stream to see. Raises AnswerFailed, StoreUnavailable.
        """
        self.streams.begin()
        batch: list[AnswerEvent] = []
        try:
            with self._waiter(request) as waiter, self.reader_leases.reading(run_id):
                async with asyncio.timeout(FIRST_TEXT_SECONDS), aclosing(follower.events(waiter)) as batches:
                    async for batch in batches:
                        if _tells(batch):
                            break
        except (TimeoutError, BrokerUnavailable):
            return
        end = batch[-1] if batch and not any(isinstance(event, TextDelta) for event in batch) else None
        if isinstance(end, Closed) or (isinstance(end, Answered) and end.finish_reason == ERROR):
            self.reader_leases.finished(run_id, follower.seq)
            raise AnswerFailed(failure_of(end), {"conversationId": run_id, "seq": follower.seq})

    async def _end(
        self, request: Request, follower: AnswerFollower, run_id: str, left: Left
    ) -> Answered | Closed | None:
        """The answer's last event; None where its caller leaves, or this process stops."""
        end: Answered | Closed | None = None
        try:
            with self._waiter(request) as waiter, self.reader_leases.reading(run_id):
                async with aclosing(follower.events(waiter)) as batches:
                    async for batch in batches:
                        end = batch[-1] if isinstance(batch[-1], Answered | Closed) else None
        except BrokerUnavailable as error:
            raise AnswerFailed(NOT_FOLLOWED, {"conversationId": run_id}) from error
        finally:
            # Who is sent away because this process stops will ask again.
            if end is None and not self.streams.stopping.is_set() and not self.reader_leases.is_read(run_id):
                await left()
        return end

    @contextmanager
    def _waiter(self, request: Request) -> Iterator["SilentWaiter"]:
        """Waits until its caller leaves, or this process stops."""
        waiter = SilentWaiter()
        watching = [
            asyncio.create_task(_leave_when_gone(request, waiter)),
            asyncio.create_task(_leave_when_stopping(self.streams.stopping, waiter)),
        ]
        try:
            yield waiter
        finally:
            for task in watching:
                task.cancel()


def _tells(batch: list[AnswerEvent]) -> bool:
    return any(isinstance(event, TextDelta | Answered | Closed) for event in batch)


class SilentWaiter:
    """Waits for an answer without writing anything."""

    def __init__(self) -> None:
        self.leaving = False
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def wait(self) -> None:
        await self._woken.wait()
        self._woken.clear()

    def leave(self) -> None:
        """Has whatever waits end itself."""
        self.leaving = True
        self.wake()


async def _leave_when_gone(request: Request, waiter: SilentWaiter) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    waiter.leave()


async def _leave_when_stopping(stopping: asyncio.Event, waiter: SilentWaiter) -> None:
    await stopping.wait()
    waiter.leave()
