"""Pulling work of one durable: slot first, message second, never a message that waits for a slot.

Messages asked for and parked would burn their ack_wait, and would be dropped without a nak at the end of the process:
exactly as many are asked for as slots are free, and what comes after a stop is given back at once. The requests of
JetStream's pull API are made here by hand: one inbox, many small requests, each answered under a subject of its own:

    <inbox>.<epoch>.<batch>     408 its time is over, 409 refused, 503 nobody there, 100 it lives
    (messages come under their own subject)
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from shared.cancellation import ends_within
from shared.contracts import subjects
from shared.logs import Logger
from shared.messaging.credit import REQUEST_SECONDS, Credit
from shared.tracebacks import described

HEARTBEAT_SECONDS = 4.0
SILENCE_SECONDS = 2.5 * HEARTBEAT_SECONDS
PAUSE_SECONDS = 1.0
# A request that ran out is not urgent: those of one moment are asked for again as one.
EXPIRED_PAUSE_SECONDS = 0.05
CLOSE_SECONDS = 2.0
_NANOSECONDS = 1_000_000_000
_ALIVE, _EXPIRED = "100", "408"

Take = Callable[[Msg], Coroutine[Any, Any, None]]
"""Works on a message and settles it; raises nothing."""


class WorkPull:
    """Keeps the free slots of one durable asked for, and starts a task for every message that comes."""

    def __init__(self, client: Client, durable: str, slots: int, take: Take, log: Logger) -> None:
        self.durable = durable
        self.tasks: set[asyncio.Task[None]] = set()
        self._client = client
        self._take = take
        self._log = log
        self._credit = Credit(slots)
        self._inbox = client.new_inbox()
        self._heard: Subscription | None = None
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{subjects.WORK}.{durable}"
        self._epoch = 0
        self._owed = asyncio.Event()
        self._pause = 0.0
        self._last_heard = time.monotonic()
        self._stopping = False

    async def run(self) -> None:
        """Asks for work until it is stopped or cancelled."""
        self._heard = await self._client.subscribe(f"{self._inbox}.>", cb=self._on_message)
        self._owed.set()
        while not self._stopping:
            await self._wait()
            pause, self._pause = self._pause, 0.0
            if pause:
                await asyncio.sleep(pause)
            self._owed.clear()
            await self._ask()

    async def stop(self) -> None:
        """Takes no more; what arrives until the broker knows is given back at once."""
        self._stopping = True
        self._owed.set()
        if self._heard is None or not self._client.is_connected:
            return
        try:
            drained = await ends_within(CLOSE_SECONDS, self._heard.drain())  # type: ignore[no-untyped-call]
        except NatsError as error:
            self._log.warning("pull did not drain", durable=self.durable, error=described(error))
        else:
            if not drained:
                # Nobody to tell: the requests die with the connection.
                self._log.warning("pull did not drain in time", durable=self.durable)

    async def reset(self) -> None:
        """The broker has forgotten every request (a reconnect): asks for all free slots anew."""
        self._epoch += 1
        self._credit.void()
        self._last_heard = time.monotonic()
        self._owed.set()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._owed.wait()
        except TimeoutError:
            if self._credit.outstanding and time.monotonic() - self._last_heard > SILENCE_SECONDS:
                self._log.warning("pull requests fell silent, asking anew", durable=self.durable)
                await self.reset()

    async def _ask(self) -> None:
        now = time.monotonic()
        count = self._credit.to_ask(now)
        if not count or self._stopping or not self._client.is_connected:
            return
        request = {
            "batch": count,
            "expires": int(REQUEST_SECONDS * _NANOSECONDS),
            "idle_heartbeat": int(HEARTBEAT_SECONDS * _NANOSECONDS),
        }
        self._credit.ask(count, now)
        try:
            await self._client.publish(
                self._subject, orjson.dumps(request), reply=f"{self._inbox}.{self._epoch}.{count}"
            )
        except NatsError as error:
            self._log.warning("work could not be asked for", durable=self.durable, error=described(error))
            self._credit.ended(count)
            self._ask_again(PAUSE_SECONDS)

    async def _on_message(self, message: Msg) -> None:
        self._last_heard = time.monotonic()
        status = (message.headers or {}).get("Status")
        if status is not None and message.subject.startswith(self._inbox):
            self._on_status(message, status)
        elif self._credit.take():
            self._ask_if_low()
            if self._stopping:
                self._credit.free()
                await self._give_back(message)
                return
            task = asyncio.create_task(self._take(message))
            self.tasks.add(task)
            task.add_done_callback(self._finished)
        else:
            await self._give_back(message)

    def _on_status(self, message: Msg, status: str) -> None:
        if status == _ALIVE:
            return
        epoch, count = message.subject.removeprefix(f"{self._inbox}.").split(".")
        if int(epoch) != self._epoch:
            return
        self._credit.ended(int((message.headers or {}).get("Nats-Pending-Messages", count)))
        if status == _EXPIRED:
            self._ask_again(EXPIRED_PAUSE_SECONDS)
            return
        if self._pause < PAUSE_SECONDS:
            # The first of this round: many requests are refused at once where a durable is gone.
            described = (message.headers or {}).get("Description", "").strip()
            self._log.warning("a pull request was refused", durable=self.durable, status=status, reason=described)
        self._ask_again(PAUSE_SECONDS)

    def _ask_if_low(self) -> None:
        """One request for what many messages have used up, long before the last that was asked for has come."""
        if self._credit.low:
            self._owed.set()

    def _ask_again(self, pause: float) -> None:
        self._pause = max(self._pause, pause)
        self._owed.set()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self._credit.free()
        self._ask_if_low()
        if not task.cancelled() and (error := task.exception()):
            self._log.error("a message's task failed", durable=self.durable, error=described(error), exc_info=error)

    async def _give_back(self, message: Msg) -> None:
        try:
            await message.nak()
        except NatsError as error:
            # Unsettled, it comes again after ack_wait.
            self._log.warning("a message was not given back", durable=self.durable, error=described(error))
