"""The two ways from a message to its handler: through FastStream, or past most of it.

    typed   a FastStream subscriber: its own processing, around it the broker's middlewares; some 250 us a message
    fast    the broker's middlewares and nothing else of FastStream's; some 15 us

Either way a handler is given a contract and its delivery, and does not know which way it was. Neither way pulls:
FastStream's own loop would drop what arrives while it stops, and ask a durable that is gone thousands of times a
second (docs/decisions/0004).
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial, reduce
from typing import Any, Protocol

from faststream import AckPolicy, BaseMiddleware, ContextRepo
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from nats.aio.msg import Msg

from shared.contracts import subjects
from shared.contracts.model import Message
from shared.messaging.deliveries import Delivery, MessageReader, annotation_of, contracts_of
from shared.messaging.delivery_counts import DeliveryCounts

Handler = Callable[[Any, Delivery], Awaitable[None]]
"""Takes a contract and its delivery; how it ends is what becomes of the message."""
Middleware = Callable[..., BaseMiddleware[Any, Any]]
"""Made for each message, as FastStream makes it: `middleware(message, context=...)`."""


class Settler(Protocol):
    """Has a message handled, and settles it by how that ended."""

    async def run(self, message: Msg, handled: Awaitable[object]) -> None:
        """Awaits `handled`; raises nothing but a cancellation."""


class SettlementMiddleware(BaseMiddleware[Any, Msg]):
    """Settlement as a middleware: the innermost one, so that others see how a handler ended before it is settled."""

    def __init__(self, settlement: Settler, message: Msg, /, *, context: ContextRepo) -> None:
        super().__init__(message, context=context)
        self._settlement = settlement

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[object]], msg: Any) -> None:
        await self._settlement.run(msg.raw_message, call_next(msg))


def settled_by(settlement: Settler) -> Middleware:
    """The middleware of a settlement."""
    return partial(SettlementMiddleware, settlement)


class FastSubscription:
    """Takes raw messages to a handler, through middlewares only."""

    def __init__(
        self,
        middlewares: Sequence[Middleware],
        handler: Handler,
        counts: DeliveryCounts,
        context: ContextRepo | None = None,
    ) -> None:
        self._inmost_first = tuple(reversed(middlewares))
        self._handler = handler
        self._counts = counts
        self._read = MessageReader(*contracts_of(handler))
        self._context = context or ContextRepo()

    async def consume(self, message: Msg) -> None:
        """Has the message handled."""
        headers = message.headers or {}
        # Named, for FastStream would draw a random id for each.
        name = headers.get("Nats-Msg-Id") or message.subject
        received = NatsMessage(message, message.data, headers=headers, correlation_id=name)
        scopes = (one(message, context=self._context).consume_scope for one in self._inmost_first)
        await reduce(_around, scopes, self._handle)(received)

    async def _handle(self, received: NatsMessage) -> None:
        message = received.raw_message
        await self._handler(self._read(message), Delivery(message, self._counts.first(message)))


def _around(inner: Callable[..., Any], scope: Callable[..., Any]) -> Callable[..., Any]:
    return partial(scope, inner)


class TypedSubscription:
    """A FastStream subscriber of a durable whose messages are pulled for it."""

    def __init__(
        self, broker: NatsBroker, durable: str, subject: str, handler: Handler, counts: DeliveryCounts
    ) -> None:
        read = MessageReader(*contracts_of(handler))

        async def decode(received: NatsMessage) -> Message:
            return read(received.raw_message)

        async def subscribed(contract: Any) -> None:
            message = broker.context.get_local("message").raw_message
            await handler(contract, Delivery(message, counts.first(message)))

        # What FastStream describes is the handler's; injecting its delivery would send each message through a thread.
        subscribed.__name__, subscribed.__doc__ = getattr(handler, "__name__", durable), handler.__doc__
        subscribed.__annotations__ = {"contract": annotation_of(handler), "return": None}
        self._subscriber = broker.subscriber(
            subject,
            durable=durable,
            stream=JStream(subjects.WORK, declare=False),
            pull_sub=PullSub(batch_size=1),
            ack_policy=AckPolicy.MANUAL,
            decoder=decode,
            no_reply=True,
            persistent=False,
        )
        self._subscriber(subscribed)
        self._subscriber.subscription = _PulledElsewhere()  # type: ignore[assignment] # so that it makes none

    async def start(self) -> None:
        """Before it `consume` takes nothing. The broker is connected."""
        await self._subscriber.start()

    async def consume(self, message: Msg) -> None:
        """Has the message handled."""
        await self._subscriber.consume(message)


class _PulledElsewhere:
    """Stands where FastStream keeps a subscription: the pull ends by itself, before FastStream stops."""

    async def unsubscribe(self) -> None:
        return
