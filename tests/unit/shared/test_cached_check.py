"""A cached check: what works is believed for a while, and is not asked by many at once."""

import asyncio
from contextlib import suppress

import pytest

from shared import cached_check as module
from shared.cached_check import CachedCheck
from shared.errors import BrokerUnavailable


class Worker:
    """Works or fails as it is told, and counts."""

    def __init__(self) -> None:
        self.times = 0
        self.failure: Exception | None = None
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def work(self) -> None:
        self.times += 1
        await self.may_end.wait()
        if self.failure is not None:
            raise self.failure


async def test_what_worked_of_late_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker()
    check = CachedCheck(worker.work)
    for _ in range(3):
        await check()
    assert worker.times == 1
    monkeypatch.setattr(module, "PROVEN_SECONDS", 0.0)
    await check()
    assert worker.times == 2


async def test_many_who_ask_at_once_wait_for_one_piece_of_work() -> None:
    worker = Worker()
    worker.may_end.clear()
    worker.failure = BrokerUnavailable("a probe", TimeoutError())
    check = CachedCheck(worker.work)
    asking = [asyncio.create_task(check()) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    worker.may_end.set()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert outcomes[1:] == [worker.failure] * 49
    assert worker.times == 1


async def test_a_failure_is_asked_again_at_once() -> None:
    worker = Worker()
    worker.failure = BrokerUnavailable("a probe", TimeoutError())
    check = CachedCheck(worker.work)
    with pytest.raises(BrokerUnavailable):
        await check()
    worker.failure = None
    await check()
    assert worker.times == 2


async def test_work_that_takes_too_long_has_not_succeeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROOF_TIMEOUT_SECONDS", 0.05)
    worker = Worker()
    worker.may_end.clear()
    with pytest.raises(TimeoutError):
        await CachedCheck(worker.work)()


async def test_nobody_waits_for_work_that_ends_at_no_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROOF_TIMEOUT_SECONDS", 0.05)
    may_end = asyncio.Event()

    async def never_leaves() -> None:
        while not may_end.is_set():
            with suppress(asyncio.CancelledError):
                await may_end.wait()

    check = CachedCheck(never_leaves)
    async with asyncio.timeout(5):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await check()
    may_end.set()
    await check.ended()
