"""The durables a service takes its triggers from: one pull each, and a stop that leaves nothing to wait for."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from nats.aio.msg import Msg

from shared.cancellation import cancel_all
from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.messaging.inbox import by_faststream
from shared.messaging.pull import WorkPull

STOP_SECONDS = 3.0

Handler = Callable[[Msg], Coroutine[Any, Any, None]]
"""Looks and settles; raises nothing. Cancelled, it gives its message back."""


class Triggers:
    """Pulls from durables, at most `slots` messages of each in hand. The connection is open."""

    def __init__(self, connection: Connection, slots: int, log: Logger) -> None:
        self._connection = connection
        self._slots = slots
        self._log = log
        self._pulls: list[WorkPull] = []

    def add(self, durable: str, handler: Handler) -> None:
        """Has `handler` called for every message of the durable."""
        listen = by_faststream(self._connection.broker)
        pull = WorkPull(self._connection.client, durable, self._slots, handler, self._log, listen)
        self._connection.on_reconnected(pull.reset)
        self._pulls.append(pull)

    @property
    def duties(self) -> list[Coroutine[Any, Any, None]]:
        """What runs until the stop: one loop a durable."""
        return [pull.run() for pull in self._pulls]

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Takes no more at once; after so many seconds hands over what has not ended."""
        await asyncio.gather(*(pull.stop() for pull in self._pulls))
        looks = {task for pull in self._pulls for task in pull.tasks}
        if looks:
            _, looks = await asyncio.wait(looks, timeout=seconds)
        if looks:
            self._log.warning("looks handed over", count=len(looks))
            await cancel_all(looks)
