"""Serving one answer: to a reader of a stream, or whole; whoever leaves for good stops it."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import structlog
from fastapi import Request, Response

from gateway.access.callers import Caller
from gateway.answers.answer_events import CODES, Answered
from gateway.answers.failures import AnswerFailed
from gateway.answers.follower import AnswerFollower
from gateway.answers.json_answer import await_answer
from gateway.answers.reader import AnswerReader
from gateway.answers.reader_leases import Readings
from gateway.errors import Conflict
from gateway.event_stream.clients import Client
from gateway.services import Services
from gateway.single_answers.formats import PlainFormat
from gateway.single_answers.runs import answer_seq
from gateway.single_answers.voices import route_headers
from shared.contracts.runs import Run
from shared.contracts.words import EndedReason, Wanted
from shared.errors import TransientError

GRACE_SECONDS: Final = 15.0

Stop = Callable[[], Coroutine[Any, Any, None]]

log = structlog.stdlib.get_logger("gateway")


class AnswerStream:
    """Serves one reader.

    A reader that `resumes` is told to come again where this process cannot go on, and may do so; for any other that
    is the answer's end.
    """

    def __init__(
        self,
        follower: AnswerFollower,
        form: PlainFormat,
        readings: Readings,
        run: Run,
        stop: Stop,
        counted: AbstractContextManager[None],
        *,
        resumes: bool,
    ) -> None:
        def finished(_: Answered) -> None:
            readings.finished(run.id, follower.seq)

        self._reader = AnswerReader(follower, form, readings, run.id, finished, None if resumes else stop)
        self._limit = run.settings.time_limit_seconds + GRACE_SECONDS
        self._form = form
        self._stop = stop
        self._counted = counted
        self._resumes = resumes

    async def __call__(self, client: Client) -> None:
        """Writes the answer. Raises TransientError where its reader is to come again."""
        with self._counted:
            await self._write(client)
        if self._form.abandoned:
            await self._stop()

    async def _write(self, client: Client) -> None:
        try:
            async with asyncio.timeout(self._limit):
                await self._reader(client)
        except TimeoutError:
            await client.write(self._form.lose())
        except TransientError:
            if self._resumes:
                raise
            await client.write(self._form.lose())
        if client.leaving and not self._resumes:
            await client.write(self._form.lose())


def streamed_answer(
    request: Request,
    services: Services,
    caller: Caller,
    run: Run,
    form: PlainFormat,
    *,
    resumes: bool = False,
    advised: bool = True,
) -> Response:
    """The answer of a run that has begun, as a stream. One that is posted for was admitted before it began."""
    streams = services.streams
    follower = AnswerFollower(streams.hub, services.store, run, answer_seq(run), 0)
    counted = nullcontext() if resumes else streams.admission.holding(caller)
    stop = stop_of(services, caller, run)
    serve = AnswerStream(follower, form, services.readings, run, stop, counted, resumes=resumes)
    headers = route_headers(run.settings.scenarios[0].agent, services.registry, run.id)
    return streams.response(serve, headers, advised=advised, caller=caller if resumes else None)


def stop_of(services: Services, caller: Caller, run: Run) -> Stop:
    """What stops an answer: the call to its model is closed at once."""

    async def stop() -> None:
        try:
            await services.control.want(caller, run.id, Wanted.CANCEL)
        except (Conflict, TransientError) as error:
            # It ended by itself meanwhile, or will for want of readers.
            log.info("answer not stopped", run_id=run.id, reason=str(error))

    return stop


async def whole_answer(request: Request, services: Services, caller: Caller, run: Run) -> Answered:
    """The answer when it is there; a caller that leaves stops it.

    Raises AnswerFailed, BrokerUnavailable, StoreUnavailable.
    """
    streams = services.streams
    streams.begin()
    seq, stop = answer_seq(run), stop_of(services, caller, run)
    follower = AnswerFollower(streams.hub, services.store, run, seq, 0)
    try:
        async with asyncio.timeout(run.settings.time_limit_seconds + GRACE_SECONDS):
            return await await_answer(request, follower, run.id, seq, services.readings, services.shutting_down, stop)
    except TimeoutError:
        raise AnswerFailed(*CODES[EndedReason.TIMEOUT], {"streamId": run.id}) from None
