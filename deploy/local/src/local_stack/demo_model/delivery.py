"""Sending an answer at its pace, as a stream or whole, with whatever fault was chosen."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from local_stack.demo_model.client_watch import ClientWatch
from local_stack.demo_model.dialects.dialect import AnswerWriter
from local_stack.demo_model.faults import Fault
from local_stack.demo_model.ledger import Call
from local_stack.demo_model.pieces import Pieces
from local_stack.demo_model.settings import MODELS, Control

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CLIENT_CLOSED: Final = "client_closed"


@dataclass(frozen=True)
class Pace:
    """When each chunk is due, in seconds from the start of the call."""

    first: float
    per_word: float
    total: float | None
    words_per_chunk: int

    @classmethod
    def of(cls, control: Control, base_model: str) -> "Pace":
        slower_start, slower_words = MODELS[base_model]
        return cls(
            first=control.time_to_first_token_seconds * slower_start,
            per_word=1 / (control.tokens_per_second * slower_words),
            total=control.total_seconds,
            words_per_chunk=control.words_per_chunk,
        )

    def due(self, chunk: int, chunks: int) -> float:
        """The moment of the chunk with this number, from 0, among so many."""
        if self.total is not None:
            return self.total * (chunk + 1) / max(chunks, 1)
        return self.first + chunk * self.words_per_chunk * self.per_word


class Delivery:
    """One answer on its way. The tokens that have left are counted in the call."""

    def __init__(
        self,
        writer: AnswerWriter,
        call: Call,
        fault: Fault | None,
        pieces: Pieces,
        finish_reason: str,
        pace: Pace,
        send: Send,
        watch: ClientWatch,
    ) -> None:
        self._writer = writer
        self._call = call
        self._fault = fault
        self._pieces = pieces
        self._finish_reason = finish_reason
        self._pace = pace
        self._send = send
        self._watch = watch
        self._started = watch.now()

    async def run(self) -> str:
        """Sends the answer; returns the outcome for the ledger."""
        completed = await (self._stream() if self._call.stream else self._whole())
        if not completed:
            return CLIENT_CLOSED
        return f"fault:{self._fault.label}" if self._fault else "finished"

    def _has(self, *kinds: str) -> bool:
        return self._fault is not None and self._fault.kind in kinds

    def _chunks(self) -> list[Pieces]:
        pieces, size = self._pieces, self._pace.words_per_chunk
        if self._has("cut", "stall") and self._fault is not None:
            pieces = pieces[: self._fault.after_tokens]
        return [pieces[start : start + size] for start in range(0, len(pieces), size)]

    async def _stream(self) -> bool:
        await self._start(((b"content-type", self._writer.stream_type), (b"cache-control", b"no-cache")))
        chunks = self._chunks()
        for number, pieces in enumerate(chunks):
            if not await self._watch.until(self._started + self._pace.due(number, len(chunks))):
                return False
            await self._send_chunk(number, pieces, number == len(chunks) - 1, len(chunks) // 2)
        if chunks and not self._has("cut", "stall"):
            return True
        return await self._end_without_words()

    async def _send_chunk(self, number: int, pieces: Pieces, is_last: bool, middle: int) -> None:
        begun = self._writer.begin() if number == 0 else b""
        if number == middle and self._has("malformed"):
            begun = self._writer.malformed + begun
        self._call.completion_tokens += len(pieces)
        body = begun + self._writer.pieces(pieces)
        ends = is_last and not self._has("cut", "stall")
        if ends:
            body += self._writer.end(self._finish_reason)
        await self._body(body, more=not ends)

    async def _end_without_words(self) -> bool:
        """What follows the last word of a broken stream, or stands for an answer without words."""
        if self._has("cut"):
            return True  # The server closes a connection whose answer was left unfinished.
        if self._has("stall"):
            await self._watch.until_gone()
            return True
        if not await self._watch.until(self._started + self._pace.due(0, 1)):
            return False
        await self._body(self._writer.begin() + self._writer.end(self._finish_reason), more=False)
        return True

    async def _whole(self) -> bool:
        if self._has("stall"):
            await self._watch.until_gone()
            return True
        count = len(self._pieces)
        chunks = max(-(-count // self._pace.words_per_chunk), 1)
        if not await self._watch.until(self._started + self._pace.due(chunks - 1, chunks)):
            return False
        self._call.completion_tokens = 0 if self._has("cut") else count
        body = self._writer.whole(self._pieces, self._finish_reason)
        if self._has("malformed"):
            body = body[: len(body) // 2]
        await self._start(((b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))))
        if self._has("cut"):
            await self._body(body[: len(body) // 2], more=True)
        else:
            await self._body(body, more=False)
        return True

    async def _start(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        named = [*headers, (b"x-request-id", self._call.id.encode())]
        await self._send({"type": "http.response.start", "status": 200, "headers": named})

    async def _body(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})
