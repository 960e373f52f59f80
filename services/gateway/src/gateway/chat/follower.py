"""Following one answer: its pieces from history and live, in the order of the stream, each once."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Final, Protocol

from gateway.chat.pieces import Answered, Closed, Piece, read_piece
from gateway.event_stream.hub import Hub
from gateway.event_stream.ring import Item
from gateway.event_stream.run_log import RunLog
from gateway.event_stream.views import View
from shared.contracts.events import MessageAdded
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry
from shared.errors import BrokerUnavailable
from shared.storage import Store

PIECES_AT_ONCE: Final = 256
LAG_ROUNDS: Final = 20
LAG_PAUSE_SECONDS: Final = 0.05


class Waiter(Protocol):
    """Whoever waits for an answer: an open stream, as the event streams have them."""

    leaving: bool

    def wake(self) -> None: ...

    async def wait(self) -> None: ...


class AnswerFollower:
    """Follows the answer at `seq` of a run that is its own conversation.

    `after` is a sequence of the stream below the answer's first event. `standing` is the answer, where it stood before
    anybody followed it: its events may have left the stream already. Up to `recorded` the stream itself is read, for a
    log may lack a delta that the client got from another gateway.
    """

    def __init__(
        self,
        hub: Hub,
        store: Store,
        run: Run,
        seq: int,
        after: int,
        *,
        standing: Entry | None = None,
        recorded: int = 0,
    ) -> None:
        self._hub = hub
        self._store = store
        self._run = run
        self.seq = seq
        self.after = after
        self._position = after
        self._standing = standing
        self._heard = False
        self._recorded = recorded

    async def pieces(self, waiter: Waiter) -> AsyncGenerator[list[Piece], None]:
        """What has come, as often as something comes, up to `Answered` or `Closed`; also ends when the waiter leaves.

        Close it with `aclosing`. Raises BrokerUnavailable, StoreUnavailable.
        """
        async with self._hub.watching(View(self._run.id, texts=True), self._position) as log:
            log.readers.add(waiter)
            try:
                async with aclosing(self._followed(waiter, log)) as batches:
                    async for batch in batches:
                        self._heard = True
                        yield await self._with_content(batch)
                        if isinstance(batch[-1], Answered | Closed):
                            return
            finally:
                log.readers.discard(waiter)

    async def _followed(self, waiter: Waiter, log: RunLog) -> AsyncGenerator[list[Piece], None]:
        while not waiter.leaving:
            if log.failure is not None:
                raise BrokerUnavailable("the answer", ConnectionError(log.failure))
            if log.base_is_open:
                await waiter.wait()
            elif self._position < (up_to := max(log.ring.base, self._recorded)):
                async with aclosing(self._replayed(up_to)) as batches:
                    async for batch in batches:
                        yield batch
            elif batch := self._cut(self._appended(log)):
                yield batch
            elif self._standing is not None and log.filled and not self._heard:
                # Of an answer whose events are there, the last one is there too, or on its way.
                yield [Answered(log.position, _shown(self._standing))]
            else:
                await waiter.wait()

    def _appended(self, log: RunLog) -> Iterator[Piece]:
        for item in log.ring.items(log.ring.index_after(self._position)):
            self._position = max(self._position, item.sequence)
            piece = read_piece(item.sequence, item.type, _data(item), self.seq)
            if piece is not None:
                yield piece

    async def _replayed(self, up_to: int) -> AsyncGenerator[list[Piece], None]:
        """What stands before the log begins, or what the client may have; a replica that lags is asked again."""
        for _ in range(LAG_ROUNDS):
            async with aclosing(self._read(up_to)) as batches:
                async for batch in batches:
                    yield batch
            if self._position >= self._recorded:
                break
            await asyncio.sleep(LAG_PAUSE_SECONDS)
        self._position = up_to

    async def _read(self, up_to: int) -> AsyncGenerator[list[Piece], None]:
        batch: list[Piece] = []
        async for heard in self._hub.source.read(View(self._run.id, texts=True), self._position, up_to):
            self._position = heard.sequence
            piece = read_piece(heard.sequence, heard.type, heard.payload, self.seq)
            if piece is None:
                continue
            batch.append(piece)
            if isinstance(piece, Answered | Closed):
                break
            if len(batch) >= PIECES_AT_ONCE:
                yield batch
                batch = []
        if batch:
            yield batch

    def _cut(self, pieces: Iterator[Piece]) -> list[Piece]:
        """Nothing follows the answer, or the end of its conversation."""
        batch: list[Piece] = []
        for piece in pieces:
            batch.append(piece)
            if isinstance(piece, Answered | Closed):
                break
        return batch

    async def _with_content(self, batch: list[Piece]) -> list[Piece]:
        """A text over 64 KB is not in its event: it is read."""
        last = batch[-1]
        if not isinstance(last, Answered) or last.message["content"] is not None:
            return batch
        entry = await self._store.entries.at(self._run.conversation_id(1), self.seq)
        content = entry.content if entry else ""
        return [*batch[:-1], Answered(last.sequence, last.message | {"content": content})]


def _data(item: Item) -> bytes:
    """The JSON of an event as it stands in a log."""
    start = item.frame.index(b"\ndata: ") + len(b"\ndata: ")
    return item.frame[start:-2]


def _shown(entry: Entry) -> dict[str, object]:
    shown = MessageAdded.of(entry).model_dump(mode="json", by_alias=True)
    return shown | {"content": entry.content or ""}
