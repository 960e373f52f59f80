"""Serving one answer to a reader of a stream; whoever leaves for good stops it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

import structlog

from gateway.answers.answer_events import Answered
from gateway.answers.follower import AnswerFollower
from gateway.answers.reader import AnswerReader
from gateway.answers.reader_leases import ReaderLeases
from gateway.event_stream.connections.open_streams import OpenStream
from gateway.single_answers.formats import PlainFormat
from shared.contracts.runs import Run
from shared.errors import TransientError

GRACE_SECONDS: Final = 15.0

Stop = Callable[[Run], Awaitable[None]]

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
        reader_leases: ReaderLeases,
        run: Run,
        stop: Stop,
        counted: AbstractContextManager[None],
        *,
        resumes: bool,
    ) -> None:
        def finished(_: Answered) -> None:
            reader_leases.finished(run.id, follower.seq)

        self._stop = partial(stop, run)
        self._reader = AnswerReader(follower, form, reader_leases, run.id, finished, None if resumes else self._stop)
        self._limit = run.settings.time_limit_seconds + GRACE_SECONDS
        self._form = form
        self._counted = counted
        self._resumes = resumes

    async def __call__(self, stream: OpenStream) -> None:
        """Writes the answer. Raises TransientError where its reader is to come again."""
        with self._counted:
            await self._write(stream)
        if self._form.abandoned:
            await self._stop()

    async def _write(self, stream: OpenStream) -> None:
        try:
            async with asyncio.timeout(self._limit):
                await self._reader(stream)
        except TimeoutError:
            await stream.write(self._form.lose())
        except TransientError:
            if self._resumes:
                raise
            await stream.write(self._form.lose())
        if stream.leaving and not self._resumes:
            await stream.write(self._form.lose())
