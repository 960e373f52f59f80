"""The durables a service takes its triggers from: one pull each, and a stop that leaves nothing to wait for."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from types import MethodType
from typing import Any

from shared.cancellation import cancel_all
from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.messaging.delivery_counts import DeliveryCounts
from shared.messaging.pull import Take, WorkPull
from shared.messaging.subscriptions import FastSubscription, Handler, Settler, TypedSubscription, settled_by

STOP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Trigger:
    """A durable, the subject it stands for, and the method that handles what comes.

    `fast` leaves most of FastStream out, for what comes every turn. docs/asyncapi.json is made of these.
    """

    durable: str
    subject: str
    method: Callable[..., Awaitable[None]]
    fast: bool = False

    def handler(self, of: object) -> Handler:
        """The method, bound to the object that has it."""
        return MethodType(self.method, of)


class Triggers:
    """Pulls from durables, at most `slots` messages of each in hand, and has them settled. The connection is open."""

    def __init__(
        self, connection: Connection, counts: DeliveryCounts, settlement: Settler, slots: int, log: Logger
    ) -> None:
        self._connection = connection
        self._counts = counts
        self._slots = slots
        self._log = log
        self._pulls: list[WorkPull] = []
        self.duties: list[Coroutine[Any, Any, None]] = []
        """What runs until the stop: one loop a durable."""
        connection.broker.add_middleware(settled_by(settlement))

    def add(self, trigger: Trigger, handlers: object) -> None:
        """Has the trigger's method of `handlers` called for every message of its durable."""
        broker, handler = self._connection.broker, trigger.handler(handlers)
        if trigger.fast:
            fast = FastSubscription(broker.middlewares, handler, self._counts, broker.context)
            self.duties.append(self._pull(trigger.durable, fast.consume).run())
        else:
            typed = TypedSubscription(broker, trigger.durable, trigger.subject, handler, self._counts)
            self.duties.append(self._typed(typed, self._pull(trigger.durable, typed.consume)))

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Takes no more at once; after so many seconds hands over what has not ended."""
        await asyncio.gather(*(pull.stop() for pull in self._pulls))
        looks = {task for pull in self._pulls for task in pull.tasks}
        if looks:
            _, looks = await asyncio.wait(looks, timeout=seconds)
        if looks:
            self._log.warning("looks handed over", count=len(looks))
            await cancel_all(looks)

    def _pull(self, durable: str, take: Take) -> WorkPull:
        pull = WorkPull(self._connection.client, durable, self._slots, take, self._log)
        self._connection.on_reconnected(pull.reset)
        self._pulls.append(pull)
        return pull

    async def _typed(self, subscription: TypedSubscription, pull: WorkPull) -> None:
        await subscription.start()
        await pull.run()
