"""One answer, streamed to the one who asked: tokens, then the whole text; whoever leaves stops it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from gateway.event_stream.clients import Client
from gateway.event_stream.frames import named_json
from gateway.event_stream.hub import Hub
from gateway.event_stream.ring import Item
from gateway.event_stream.run_log import RunLog
from gateway.event_stream.views import DELTA, RUN_ENDED, View
from shared.contracts.runs import Run
from shared.contracts.words import EndedReason, Side
from shared.errors import BrokerUnavailable

GRACE_SECONDS: Final = 15.0
CODES: Final = {
    EndedReason.BUDGET: ("budget_exceeded", "The budget of this answer is spent."),
    EndedReason.TIMEOUT: ("provider_timeout", "The answer took too long: try again."),
    EndedReason.CANCELED: ("canceled", "The answer was stopped."),
}
NO_ANSWER: Final = ("provider_error", "No answer was made: try again.")


class AnswerReader:
    """Serves the answer of a run of one message. `stop` is called where the reader left before its end."""

    def __init__(self, hub: Hub, run: Run, stop: Callable[[], Awaitable[object]]) -> None:
        self._hub = hub
        self._run = run
        self._stop = stop
        self._answered = False

    async def __call__(self, client: Client) -> None:
        """Writes `token`s, then `done` or `failed`, always one of them unless the reader left."""
        try:
            async with asyncio.timeout(self._run.settings.time_limit_seconds + GRACE_SECONDS):
                await self._watch(client)
        except BrokerUnavailable as error:
            await self._fail(client, "unavailable", f"The answer cannot be followed ({error}): try again.")
        except TimeoutError:
            await self._fail(client, *CODES[EndedReason.TIMEOUT])
        finally:
            if not self._answered:
                await self._stop()

    async def _watch(self, client: Client) -> None:
        async with self._hub.watching(View(self._run.id, texts=True), 0) as log:
            log.readers.add(client)
            try:
                await self._follow(client, log)
            finally:
                log.readers.discard(client)

    async def _follow(self, client: Client, log: RunLog) -> None:
        index = log.ring.start
        while not (self._answered or client.leaving):
            if log.failure is not None:
                raise BrokerUnavailable("the answer", ConnectionError(log.failure))
            frames = b"".join(self._translated(item) for item in log.ring.items(index))
            index = log.ring.end
            if frames:
                await client.write(frames)
            elif not self._answered:
                await client.wait()

    async def _fail(self, client: Client, code: str, message: str) -> None:
        await client.write(named_json("failed", {"error": code, "message": message}))

    def _translated(self, item: Item) -> bytes:
        """What an event of the run is to whoever waits for the answer; nothing follows the answer."""
        if self._answered:
            return b""
        if item.type == DELTA:
            return named_json("token", {"token": _body(item)["text"]})
        if item.type == "message" and _body(item)["side"] == Side.AGENT:
            self._answered = True
            return _done(_body(item))
        if item.type in ("conversation.ended", RUN_ENDED):
            self._answered = True
            return _failed(_body(item))
        return b""


def _body(item: Item) -> dict[str, Any]:
    start = item.frame.index(b"\ndata: ") + len(b"\ndata: ")
    body: dict[str, Any] = json.loads(item.frame[start:])
    return body


def _done(message: dict[str, Any]) -> bytes:
    usage = {name: message[name] for name in ("promptTokens", "completionTokens", "costUsd")}
    return named_json("done", {"text": message["content"], "usage": usage})


def _failed(ended: dict[str, Any]) -> bytes:
    error = ended.get("error")
    code, sentence = CODES.get(ended.get("endedReason") or EndedReason.ERROR, NO_ANSWER)
    if error:
        code, sentence = error["code"], error["message"]
    return named_json("failed", {"error": code, "message": sentence})
