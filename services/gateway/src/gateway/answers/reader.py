"""One reader of an answer: its events in the reader's format, and what follows from how the reader left."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

from gateway.answers.answer_events import Answered, AnswerEvent
from gateway.answers.follower import AnswerFollower
from gateway.answers.formats import AnswerFormat
from gateway.answers.reader_leases import ReaderLeases
from gateway.event_stream.connections.open_streams import OpenStream


class AnswerReader:
    """Serves one client.

    `finished` is called with an answer that is written to its end, `left` where the last reader here went before.
    """

    def __init__(
        self,
        follower: AnswerFollower,
        written: AnswerFormat,
        reader_leases: ReaderLeases,
        run_id: str,
        finished: Callable[[Answered], None],
        left: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._follower = follower
        self._format = written
        self._reader_leases = reader_leases
        self._run_id = run_id
        self._finished = finished
        self._left = left

    async def __call__(self, stream: OpenStream) -> bool:
        """Writes the answer; says whether it was written to its end. Raises BrokerUnavailable, StoreUnavailable."""
        try:
            with self._reader_leases.reading(self._run_id):
                await stream.write(self._format.begin(self._follower.after))
                await self._write(stream)
        finally:
            if self._left and not (self._format.ended or stream.leaving or self._reader_leases.is_read(self._run_id)):
                await self._left()
        return self._format.ended and not self._format.broken

    async def _write(self, stream: OpenStream) -> None:
        async with aclosing(self._follower.events(stream)) as batches:
            async for batch in batches:
                written, last = self._written(batch)
                await stream.write(written)
                if self._format.ended:
                    if isinstance(last, Answered):
                        self._finished(last)
                    return

    def _written(self, batch: list[AnswerEvent]) -> tuple[bytes, AnswerEvent]:
        """The batch as bytes, and the last event in them: a format may come to its end before the answer does."""
        chunks: list[bytes] = []
        for event in batch:
            chunks.append(self._format.write(event))
            if self._format.ended:
                break
        return b"".join(chunks), event
