"""Following one answer: its events from history and live, in the order of the stream, each once."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final, Protocol

from gateway.answers.answer_events import Answered, AnswerEvent, Closed, read_answer_event
from gateway.event_stream.log.events import LogScope
from gateway.event_stream.log.frames import data_of
from gateway.event_stream.log.hub import Hub
from gateway.event_stream.log.run_log import RunLog
from shared.contracts.events import MessageAdded
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry
from shared.errors import BrokerUnavailable
from shared.storage.owned import OwnedStore

EVENTS_AT_ONCE: Final = 256
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
        store: OwnedStore,
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

    async def events(self, waiter: Waiter) -> AsyncGenerator[list[AnswerEvent], None]:
        """What has come, as often as something comes, up to `Answered` or `Closed`; also ends when the waiter leaves.

        Close it with `aclosing`. Raises BrokerUnavailable, StoreUnavailable.
        """
        async with self._hub.watching(LogScope(self._run.id, texts=True), self._position) as log:
            log.readers.add(waiter)
            try:
                while not waiter.leaving:
                    if log.failure is not None:
                        raise BrokerUnavailable("the answer", ConnectionError(log.failure))
                    if batch := await self._next(log):
                        self._heard = True
                        yield batch
                        if isinstance(batch[-1], Answered | Closed):
                            return
                    if not batch or self._position >= log.position:
                        await waiter.wait()
            finally:
                log.readers.discard(waiter)

    async def _next(self, log: RunLog) -> list[AnswerEvent]:
        """What comes next and is there already; nothing where it has to be waited for."""
        if log.base_is_open:
            return []
        up_to = max(log.ring.base, self._recorded)
        while self._position < up_to:
            if batch := await self._replayed(up_to):
                return await self._with_content(batch)
        if batch := self._appended(log):
            return await self._with_content(batch) if isinstance(batch[-1], Answered) else batch
        if self._standing is not None and log.filled and not self._heard:
            # Of an answer whose events are there, the last one is there too, or on its way.
            return [Answered(log.position, _shown(self._standing))]
        return []

    def _appended(self, log: RunLog) -> list[AnswerEvent]:
        """What the log has above the position, as far as the answer goes."""
        batch: list[AnswerEvent] = []
        for item in log.ring.items(log.ring.index_after(self._position)):
            self._position = max(self._position, item.sequence)
            answer_event = read_answer_event(item.sequence, item.type, data_of(item.frame), self.seq)
            if answer_event is not None:
                batch.append(answer_event)
                if isinstance(answer_event, Answered | Closed):
                    break
        return batch

    async def _replayed(self, up_to: int) -> list[AnswerEvent]:
        """What stands before the log begins, or what the client may have; a replica that lags is asked again."""
        for _ in range(LAG_ROUNDS):
            batch, is_all = await self._read(up_to)
            has_all = self._position >= self._recorded
            if is_all and has_all:
                self._position = up_to
            if batch or has_all:
                return batch
            await asyncio.sleep(LAG_PAUSE_SECONDS)
        self._position = up_to
        return []

    async def _read(self, up_to: int) -> tuple[list[AnswerEvent], bool]:
        """Stored events above the position, so many at once; and whether they are all there are."""
        batch: list[AnswerEvent] = []
        async for heard in self._hub.source.read(LogScope(self._run.id, texts=True), self._position, up_to):
            self._position = heard.sequence
            answer_event = read_answer_event(heard.sequence, heard.type, heard.payload, self.seq)
            if answer_event is None:
                continue
            batch.append(answer_event)
            if isinstance(answer_event, Answered | Closed) or len(batch) >= EVENTS_AT_ONCE:
                return batch, False
        return batch, True

    async def _with_content(self, batch: list[AnswerEvent]) -> list[AnswerEvent]:
        """What is too large for its event (a text over 64 KB, large tool calls) is read."""
        last = batch[-1]
        if not isinstance(last, Answered) or not (last.message["content"] is None or last.message.get("truncated")):
            return batch
        entry = await self._store.entries(self._run).at(self._run.conversation_id(1), self.seq)
        shown = _shown(entry) if entry else last.message | {"content": last.content}
        return [*batch[:-1], Answered(last.sequence, shown)]


def _shown(entry: Entry) -> dict[str, object]:
    shown = MessageAdded.whole(entry).model_dump(mode="json", by_alias=True)
    return shown | {"content": entry.content or ""}
