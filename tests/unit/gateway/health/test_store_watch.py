"""What runs behind the requests: the watch over the store, and the ending of tasks."""

import asyncio

import pytest
import structlog

from gateway.health.store_watch import StoreWatch
from shared.cancellation import cancel_all
from shared.errors import StoreUnavailable

log = structlog.stdlib.get_logger("gateway-tests")


class FakeStore:
    """A store that answers, or does not; says when it was asked."""

    def __init__(self) -> None:
        self.away = False
        self.asked = asyncio.Event()

    async def ping(self) -> None:
        self.asked.set()
        if self.away:
            raise StoreUnavailable(ConnectionError("away"))

    async def next_ping(self) -> None:
        """Returns when the watch has asked once more and taken note of the answer."""
        self.asked.clear()
        async with asyncio.timeout(2):
            await self.asked.wait()
        await asyncio.sleep(0)


async def test_store_is_refused_while_it_is_away_and_used_once_it_is_back() -> None:
    store = FakeStore()
    watch = StoreWatch(store, log)
    watch.check()
    running = asyncio.create_task(watch.run())
    await store.next_ping()
    watch.check()
    store.away = True
    watch.doubt()
    await store.next_ping()
    with pytest.raises(StoreUnavailable):
        watch.check()
    store.away = False
    await store.next_ping()
    watch.check()
    await cancel_all([running])


async def test_one_request_that_failed_does_not_close_a_store_that_answers() -> None:
    store = FakeStore()
    watch = StoreWatch(store, log)
    running = asyncio.create_task(watch.run())
    await store.next_ping()
    watch.doubt()
    watch.check()
    await store.next_ping()
    watch.check()
    await cancel_all([running])


async def test_task_that_swallows_its_first_cancellation_ends_all_the_same() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await cancel_all([task])
    assert task.cancelled()
