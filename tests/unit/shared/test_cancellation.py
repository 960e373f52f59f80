"""Tasks that swallow a cancellation, as nats-py does while it flushes, end all the same; bounds hold."""

import asyncio

import pytest

from shared.cancellation import cancel_all, ends_within, within
from shared.process import stop_or_failure, unless_stopped


async def stubborn(times: int) -> None:
    """Swallows so many cancellations."""
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            times -= 1
            if times < 0:
                raise


async def begun(task: asyncio.Task[None]) -> asyncio.Task[None]:
    await asyncio.sleep(0)
    return task


async def test_a_task_is_cancelled_until_it_has_ended() -> None:
    task = await begun(asyncio.create_task(stubborn(2)))
    assert await cancel_all([task])
    assert task.cancelled()


async def test_a_task_that_never_ends_is_told_of() -> None:
    task = await begun(asyncio.create_task(stubborn(5)))
    assert not await cancel_all([task], seconds=0.2)
    assert await cancel_all([task])


async def test_work_that_takes_too_long_is_ended_though_it_swallows_the_first_cancellation() -> None:
    async with asyncio.timeout(2):
        assert not await ends_within(0.01, stubborn(1))


async def test_work_that_ends_in_time_is_not_touched_and_its_error_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("no")

    assert await ends_within(1, asyncio.sleep(0))
    with pytest.raises(ValueError, match="no"):
        await ends_within(1, fail())


async def test_a_bound_holds_for_work_that_swallows_its_cancellations_and_ends_it_later() -> None:
    ended = asyncio.Event()

    async def late() -> None:
        try:
            await stubborn(3)
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        await within(0.01, late())
    assert not ended.is_set()
    async with asyncio.timeout(5):
        await ended.wait()


async def test_what_ends_within_its_bound_is_returned_or_raised() -> None:
    async def answer() -> str:
        return "yes"

    async def fail() -> None:
        raise ValueError("no")

    assert await within(1, answer()) == "yes"
    with pytest.raises(ValueError, match="no"):
        await within(1, fail())


async def test_the_failure_of_what_runs_in_the_background_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("background")

    background = [asyncio.create_task(stubborn(0)), asyncio.create_task(fail())]
    with pytest.raises(ValueError, match="background"):
        await stop_or_failure(asyncio.Event(), background)
    assert await cancel_all(background)


async def test_a_stop_leaves_what_runs_in_the_background_to_its_owner() -> None:
    stopping = asyncio.Event()
    stopping.set()
    task = asyncio.create_task(stubborn(0))
    await stop_or_failure(stopping, [task])
    assert not task.done()
    assert await cancel_all([task])


async def test_a_stop_ends_the_wait_for_what_is_not_there_yet() -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().call_soon(stopping.set)
    assert not await unless_stopped(stopping, stubborn(1))
    assert await unless_stopped(asyncio.Event(), asyncio.sleep(0))
