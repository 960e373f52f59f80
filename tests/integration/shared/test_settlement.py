"""How a handler's end becomes the broker's answer, on a real stream."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import pytest
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import MaxPayloadError, NoServersError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig

from shared.errors import (
    BrokerUnavailable,
    NotStorable,
    NotYet,
    PermanentError,
    StaleMessage,
    StoreUnavailable,
    TransientError,
)
from shared.logs import Logger
from shared.messaging.failures import DELIVERY_CAP, NOT_YET_AT_MOST
from shared.messaging.settlement import Settlement, give_back_delay

ACK_WAIT = 0.3
LIMIT = 5.0


@dataclass
class Queue:
    """One work queue with one durable, and what was given up."""

    stream: JetStreamContext
    subscription: JetStreamContext.PullSubscription
    given_up: list[str] = field(default_factory=list)
    away: bool = False
    breaks: bool = False

    async def next(self, timeout: float = 10.0) -> Msg:
        (message,) = await self.subscription.fetch(1, timeout=timeout)
        return message

    def __post_init__(self) -> None:
        self._settlement = self._process(LIMIT)

    def _process(self, limit: float) -> Settlement:
        return Settlement(cast(Logger, structlog.get_logger("test")), self._give_up, ACK_WAIT, limit)

    async def settle(self, message: Msg, handler: Awaitable[object], limit: float | None = None) -> None:
        settlement = self._settlement if limit is None else self._process(limit)
        await settlement.run(message, handler)

    async def _give_up(self, message: Msg, error: BaseException) -> None:
        if self.away:
            raise BrokerUnavailable("a dead letter", TimeoutError())
        if self.breaks:
            raise ZeroDivisionError
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


AT_ONCE = timedelta()
FAILS: dict[str, tuple[Callable[[], Exception], int]] = {
    "for good": (lambda: PermanentError("never"), 1),
    "as what nobody can store": (lambda: NotStorable("a large text"), 1),
    "as what the broker does not take": (MaxPayloadError, 1),
    "by an exception of our own": (lambda: KeyError("words"), 2),
    "for a while, alike": (lambda: TransientError("kept changing", AT_ONCE), 5),
}


@pytest.mark.parametrize(("error", "times"), FAILS.values(), ids=FAILS.keys())
async def test_what_fails_alike_is_given_up_after_its_number(
    queue: Queue, error: Callable[[], Exception], times: int
) -> None:
    seen = 0
    while await queue.held():
        message, seen = await queue.next(), seen + 1
        await queue.settle(message, raises(error()))
    assert (seen, len(queue.given_up)) == (times, 1)


async def test_absences_between_are_not_counted_and_are_never_given_up(queue: Queue) -> None:
    store, broker = StoreUnavailable(TimeoutError()), BrokerUnavailable("x", TimeoutError())
    store.retry_after = broker.retry_after = AT_ONCE
    for error in [KeyError("words"), *[store, broker] * 4, NotYet("a message"), TimeoutError(), NoServersError()]:
        await queue.settle(await queue.next(), raises(error))
    assert queue.given_up == []
    await queue.settle(await queue.next(), raises(KeyError("words")))
    assert (len(queue.given_up), await queue.held()) == (1, 0)


async def test_failures_that_are_not_alike_are_counted_apart(queue: Queue) -> None:
    for error in (KeyError("words"), ZeroDivisionError()):
        await queue.settle(await queue.next(), raises(error))
    assert (queue.given_up, await queue.held()) == ([], 1)


async def test_what_cannot_even_be_given_up_does_not_come_again(queue: Queue) -> None:
    queue.breaks = True
    await queue.settle(await queue.next(), raises(PermanentError("never")))
    assert (queue.given_up, await queue.held()) == ([], 0)


async def test_what_waits_for_somebody_waits_ever_longer_up_to_a_bound(queue: Queue) -> None:
    message, delays = await queue.next(), []
    for _ in range(30):
        delays.append(give_back_delay(message, NotYet("a message")))
        await message.nak()
        message = await queue.next()
    assert delays[:2] == [0.2, pytest.approx(0.23)]
    assert delays[-1] == 5.0
    assert NOT_YET_AT_MOST * delays[-1] > 300


async def test_no_word_of_a_message_is_logged(queue: Queue) -> None:
    with structlog.testing.capture_logs() as logged:
        for _ in range(2):
            await queue.settle(await queue.next(), raises(KeyError("words")))
    assert len(logged) == 2
    assert "words" not in str([{**line, "exc_info": None} for line in logged])


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
    # At once, not after ack_wait.
    assert (await queue.next(timeout=ACK_WAIT / 2)).metadata.num_delivered == 2
