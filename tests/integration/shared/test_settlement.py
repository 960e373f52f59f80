"""How a handler's end becomes the broker's answer, on a real stream."""

import asyncio
import threading
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import pytest
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig

from shared.errors import BrokerUnavailable, PermanentError, StaleMessage, TransientError
from shared.logs import Logger
from shared.messaging.settlement import DELIVERY_CAP, Settlement, give_back_delay

ACK_WAIT = 0.3
LIMIT = 5.0


@dataclass
class Queue:
    """One work queue with one durable, and what was given up."""

    stream: JetStreamContext
    subscription: JetStreamContext.PullSubscription
    given_up: list[str] = field(default_factory=list)
    away: bool = False

    async def next(self, timeout: float = 10.0) -> Msg:
        (message,) = await self.subscription.fetch(1, timeout=timeout)
        return message

    async def settle(self, message: Msg, handler: Awaitable[object], limit: float = LIMIT) -> None:
        log = cast(Logger, structlog.get_logger("test"))
        await Settlement(log, self._give_up, ACK_WAIT, limit).run(message, handler)

    async def _give_up(self, message: Msg, error: BaseException) -> None:
        if self.away:
            raise BrokerUnavailable("a dead letter", TimeoutError())
        self.given_up.append(str(error))

    async def held(self) -> int:
        return (await self.stream.stream_info("QUEUE")).state.messages


@pytest.fixture
async def queue(client: Client) -> Queue:
    stream = client.jetstream()
    await stream.add_stream(StreamConfig(name="QUEUE", subjects=["q"], retention=RetentionPolicy.WORK_QUEUE))
    durable = ConsumerConfig(durable_name="d", ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_WAIT, max_deliver=-1)
    await stream.add_consumer("QUEUE", durable)
    await stream.publish("q", b"work")
    return Queue(stream, await stream.pull_subscribe_bind("d", "QUEUE"))


async def returns() -> None:
    """A handler that has done all it had to."""


async def raises(error: Exception) -> None:
    raise error


async def test_handler_that_returns_acknowledges(queue: Queue) -> None:
    await queue.settle(await queue.next(), returns())
    assert await queue.held() == 0


async def test_stale_message_is_acknowledged(queue: Queue) -> None:
    await queue.settle(await queue.next(), raises(StaleMessage("done already")))
    assert (await queue.held(), queue.given_up) == (0, [])


async def test_transient_error_gives_back_for_its_delay(queue: Queue) -> None:
    began = time.monotonic()
    await queue.settle(await queue.next(), raises(TransientError("later", timedelta(seconds=0.6))))
    again = await queue.next()
    assert again.metadata.num_delivered == 2
    assert 0.55 < time.monotonic() - began < 3
    await queue.settle(again, returns())
    assert await queue.held() == 0


async def test_permanent_error_is_given_up_and_acknowledged(queue: Queue) -> None:
    await queue.settle(await queue.next(), raises(PermanentError("never")))
    assert (queue.given_up, await queue.held()) == (["never"], 0)


async def test_message_whose_dead_letter_is_not_taken_comes_again(queue: Queue) -> None:
    queue.away = True
    await queue.settle(await queue.next(), raises(PermanentError("never")))
    queue.away = False
    await queue.settle(await queue.next(), raises(PermanentError("never")))
    assert (queue.given_up, await queue.held()) == (["never"], 0)


async def test_unexpected_error_is_given_back(queue: Queue) -> None:
    await queue.settle(await queue.next(), raises(ZeroDivisionError()))
    assert ((await queue.next()).metadata.num_delivered, queue.given_up) == (2, [])


async def test_delay_of_unexpected_errors_grows_to_a_bound(queue: Queue) -> None:
    message, delays = await queue.next(), []
    for _ in range(10):
        delays.append(give_back_delay(message, ZeroDivisionError()))
        await message.nak()
        message = await queue.next()
    assert delays[:3] == [0.4, 0.8, 1.6]
    assert delays[-1] == 30.0


async def test_message_delivered_too_often_is_given_up(queue: Queue) -> None:
    message = await queue.next()
    while message.metadata.num_delivered < DELIVERY_CAP:
        await message.nak()
        message = await queue.next()
    await queue.settle(message, raises(TransientError("still not")))
    assert (queue.given_up, await queue.held()) == (["still not"], 0)


async def test_long_handler_keeps_its_message(queue: Queue) -> None:
    working = asyncio.create_task(queue.settle(await queue.next(), asyncio.sleep(4 * ACK_WAIT)))
    with pytest.raises(TimeoutError):
        await queue.next(timeout=3 * ACK_WAIT)
    await working
    assert await queue.held() == 0


async def test_frozen_handler_settles_nothing(queue: Queue) -> None:
    async def freezes() -> None:
        # The whole event loop stands still, as in a process that was stopped.
        threading.Event().wait(2 * ACK_WAIT)

    await queue.settle(await queue.next(), freezes())
    again = await queue.next()
    assert again.metadata.num_delivered == 2
    assert await queue.held() == 1


async def test_frozen_handler_that_fails_gives_nothing_up(queue: Queue) -> None:
    async def freezes() -> None:
        threading.Event().wait(2 * ACK_WAIT)
        raise PermanentError("never")

    await queue.settle(await queue.next(), freezes())
    assert (queue.given_up, await queue.held()) == ([], 1)


async def test_handler_past_its_limit_loses_its_message(queue: Queue) -> None:
    working = asyncio.create_task(queue.settle(await queue.next(), asyncio.sleep(4 * ACK_WAIT), limit=0.0))
    again = await queue.next(timeout=3 * ACK_WAIT)
    await again.ack_sync(timeout=5)
    await working
    assert again.metadata.num_delivered == 2


async def test_cancelled_handler_leaves_its_message(queue: Queue) -> None:
    working = asyncio.create_task(queue.settle(await queue.next(), asyncio.sleep(60)))
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert (await queue.next()).metadata.num_delivered == 2
