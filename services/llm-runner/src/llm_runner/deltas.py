"""Deltas: the first text of an attempt at once, then what came within each interval as one.

One loop a process flushes what waits; a token never costs a task. A lost delta is healed by its `message`, so nothing
here is confirmed and nothing that fails here fails the call.
"""

import asyncio
import time

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from shared.contracts.record import iso, now
from shared.contracts.work import GenerationRequested
from shared.logs import Logger
from shared.messaging import subjects


class DeltaPublisher:
    """Publishes the deltas of every attempt of the process."""

    def __init__(self, client: Client, interval_seconds: float, log: Logger) -> None:
        self.interval = interval_seconds
        self._client = client
        self._log = log
        self._waiting: list[AttemptDeltas] = []
        self._wake = asyncio.Event()

    def attempt(self, job: GenerationRequested, conversation: str, attempt: str) -> "AttemptDeltas":
        return AttemptDeltas(self, job, conversation, attempt)

    async def run(self) -> None:
        """Flushes, an interval after the first of them, the deltas that wait; until it is cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(self.interval)
            self._wake.clear()
            waiting, self._waiting = self._waiting, []
            for deltas in waiting:
                await deltas.flush()

    def wait(self, deltas: "AttemptDeltas") -> None:
        self._waiting.append(deltas)
        self._wake.set()

    async def publish(self, subject: str, payload: bytes) -> bool:
        """False where the broker cannot take it now."""
        try:
            await self._client.publish(subject, payload)
        except NatsError as error:
            self._log.warning("deltas lost, their message heals them", subject=subject, error=repr(error))
            return False
        return True


class AttemptDeltas:
    """One attempt's text on its way; `i` counts its deltas from 0."""

    def __init__(self, publisher: DeltaPublisher, job: GenerationRequested, conversation: str, attempt: str) -> None:
        self._publisher = publisher
        self._subject = subjects.text(job.run_id, conversation)
        identity = {
            "type": "delta",
            "schemaVersion": 1,
            "runId": job.run_id,
            "conversationId": conversation,
            "seq": job.seq,
            "purpose": job.purpose.value,
            "attempt": attempt,
        }
        self._head = orjson.dumps(identity)[:-1] + b',"at":"'
        self._texts: list[str] = []
        self._next = 0
        self._last = 0.0
        self._waits = False
        self._open = True

    async def add(self, text: str) -> None:
        """Publishes the text, now or with what follows it soon."""
        self._texts.append(text)
        if time.monotonic() - self._last >= self._publisher.interval:
            await self._send()
        elif not self._waits:
            self._waits = True
            self._publisher.wait(self)

    async def flush(self) -> None:
        """Publishes what waits."""
        self._waits = False
        if self._texts:
            await self._send()

    def close(self) -> None:
        """Nothing of this attempt is published from here on."""
        self._open = False

    async def _send(self) -> None:
        text, self._texts = "".join(self._texts), []
        if not self._open:
            return
        self._last = time.monotonic()
        number, self._next = self._next, self._next + 1
        payload = b'%s%s","i":%d,"text":%s}' % (self._head, iso(now()).encode(), number, orjson.dumps(text))
        self._open = await self._publisher.publish(self._subject, payload)
