"""Two ways to hear what the broker sends to an inbox: FastStream's subscriber, or the plain client.

FastStream's own pull loop would drop what arrives while it stops, and ask a durable that is gone thousands of times a
second. So its subscriber hears the inbox, and `WorkPull` does the asking.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from faststream import AckPolicy
from faststream.nats import NatsBroker, NatsMessage
from nats.aio.client import Client
from nats.aio.msg import Msg

OnMessage = Callable[[Msg], Awaitable[None]]


class Inbox(Protocol):
    """A subscription that can end without losing what is on its way."""

    async def drain(self) -> None:
        """Returns when nothing can come any more and everything that came was handled."""


Listen = Callable[[str, OnMessage], Awaitable[Inbox]]
"""Subscribes to a subject. Messages reach the callback one after the other, settled by hand."""


def plainly(client: Client) -> Listen:
    """Listens with nats-py."""

    async def listen(subject: str, on_message: OnMessage) -> Inbox:
        return await client.subscribe(subject, cb=on_message)

    return listen


def by_faststream(broker: NatsBroker) -> Listen:
    """Listens with a FastStream subscriber. The broker is started."""

    async def listen(subject: str, on_message: OnMessage) -> Inbox:
        subscriber = broker.subscriber(
            subject, ack_policy=AckPolicy.MANUAL, parser=_as_it_came, decoder=_raw, no_reply=True, persistent=False
        )
        subscriber(on_message)
        await subscriber.start()
        return _Subscribed(subscriber)

    return listen


class _Subscribed:
    def __init__(self, subscriber: Any) -> None:
        self._subscriber = subscriber

    async def drain(self) -> None:
        subscription, self._subscriber.subscription = self._subscriber.subscription, None
        if subscription is not None:
            await subscription.drain()


async def _as_it_came(message: Msg) -> NatsMessage:
    """FastStream's own parser for core messages would mark it as acknowledged."""
    return NatsMessage(raw_message=message, body=message.data, headers=message.headers or {})


async def _raw(message: NatsMessage) -> Msg:
    """Handlers get the message as it came: it is parsed by its contract, once, and settled by hand."""
    return message.raw_message
