"""Pulling jobs: slot first, message second. The broker is a fake; tests/integration has the real one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from shared.messaging import pull as module
from shared.messaging.pull import WorkPull
from unit.llm_runner.doubles import FakeClient, FakeMessage

JOB = "llm.do.demo.batch"


class Bench:
    """A pull at work on a fake broker; jobs end when the test says so."""

    def __init__(self, slots: int) -> None:
        self.client = FakeClient()
        self.begun: list[asyncio.Event] = []
        self.pull = WorkPull(self.client, "llm-demo-batch", slots, self._take, structlog.get_logger("test"))  # type: ignore[arg-type] # a fake

    async def _take(self, message: Any) -> None:
        finished = asyncio.Event()
        self.begun.append(finished)
        await finished.wait()

    async def deliver(self, message: FakeMessage) -> FakeMessage:
        assert self.client.deliver is not None
        await self.client.deliver(message)
        await self.turn_round()
        return message

    async def turn_round(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@asynccontextmanager
async def at_work(slots: int) -> AsyncIterator[Bench]:
    bench = Bench(slots)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bench.pull.run())
        await bench.turn_round()
        yield bench
        for finished in bench.begun:
            finished.set()
        await bench.turn_round()
        running.cancel()


async def test_every_free_slot_is_asked_for_at_the_start() -> None:
    async with at_work(5) as bench:
        assert bench.client.requests == [5]


async def test_slots_freed_together_are_asked_for_as_one() -> None:
    async with at_work(3) as bench:
        for _ in range(3):
            await bench.deliver(FakeMessage(JOB))
        assert bench.client.requests == [3]
        bench.begun[0].set()
        bench.begun[1].set()
        await bench.turn_round()
        assert bench.client.requests == [3, 2]


async def test_a_job_too_many_is_given_back_at_once() -> None:
    async with at_work(1) as bench:
        await bench.deliver(FakeMessage(JOB))
        surplus = await bench.deliver(FakeMessage(JOB))
        assert (surplus.naks, len(bench.begun)) == (1, 1)


async def test_a_request_that_ran_out_is_asked_again_for_what_it_owed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXPIRED_PAUSE_SECONDS", 0.0)
    async with at_work(4) as bench:
        await bench.deliver(FakeMessage(JOB))
        headers = {"Status": "408", "Nats-Pending-Messages": "3"}
        await bench.deliver(FakeMessage(bench.client.replies[0], headers))
        assert bench.client.requests == [4, 3]


@pytest.mark.parametrize("status", ["503", "100"], ids=["a refusal", "a heartbeat"])
async def test_what_gives_nothing_back_is_not_followed_by_a_spin(status: str) -> None:
    async with at_work(4) as bench:
        await bench.deliver(FakeMessage(bench.client.replies[0], {"Status": status}))
        assert bench.client.requests == [4]


async def test_after_a_reconnect_old_requests_do_not_count() -> None:
    async with at_work(4) as bench:
        await bench.deliver(FakeMessage(JOB))
        await bench.pull.reset()
        await bench.turn_round()
        await bench.deliver(FakeMessage(bench.client.replies[0], {"Status": "408", "Nats-Pending-Messages": "3"}))
        assert bench.client.requests == [4, 3]


async def test_nothing_is_asked_for_while_the_broker_is_away() -> None:
    async with at_work(2) as bench:
        await bench.deliver(FakeMessage(JOB))
        bench.client.is_connected = False
        bench.begun[0].set()
        await bench.turn_round()
        assert bench.client.requests == [2]


async def test_a_stopped_pull_gives_back_what_still_arrives() -> None:
    async with at_work(2) as bench:
        await bench.pull.stop()
        late = await bench.deliver(FakeMessage(JOB))
        assert (late.naks, bench.begun, bench.client.subscription.drained) == (1, [], True)
