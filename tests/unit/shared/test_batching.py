"""Group commit: what waits shares a batch, and nobody pays for another's failure."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.errors import Taken
from shared.storage.batching import Batcher


class Performer:
    """Doubles numbers, negative ones are taken; batches wait until it is `open`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None

    async def __call__(self, items: Sequence[int]) -> Sequence[int | BaseException]:
        self.batches.append(list(items))
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return [Taken(str(item)) if item < 0 else 2 * item for item in items]


@pytest.fixture
async def performer() -> Performer:
    return Performer()


def batcher(performer: Performer, largest: int = 100, parallel: int = 1) -> Batcher[int, int]:
    return Batcher(performer, largest, parallel)


def submit(to: Batcher[int, int], *items: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(to.submit(item)) for item in items]


async def turn() -> None:
    """Lets every task that can run take its steps."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_single_item_is_performed_at_once(performer: Performer) -> None:
    assert await asyncio.wait_for(batcher(performer).submit(3), timeout=1) == 6
    assert performer.batches == [[3]]


async def test_what_arrives_while_a_batch_is_under_way_forms_the_next_one(performer: Performer) -> None:
    performer.open.clear()
    to = batcher(performer)
    first = submit(to, 1)
    await turn()
    rest = submit(to, 2, 3, 4)
    await turn()
    assert performer.batches == [[1]]
    performer.open.set()
    assert await asyncio.gather(*first, *rest) == [2, 4, 6, 8]
    assert performer.batches == [[1], [2, 3, 4]]


async def test_batch_is_no_larger_and_no_more_run_at_once_than_allowed(performer: Performer) -> None:
    performer.open.clear()
    tasks = submit(batcher(performer, largest=2, parallel=2), *range(1, 8))
    await turn()
    assert len(performer.batches) == 2
    performer.open.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10, 12, 14]
    assert max(len(batch) for batch in performer.batches) == 2


async def test_failure_is_only_of_the_item_that_failed(performer: Performer) -> None:
    results = await asyncio.gather(*submit(batcher(performer), 1, -1, 2), return_exceptions=True)
    assert [type(result) for result in results] == [int, Taken, int]


async def test_failure_of_a_batch_is_everybodys_and_the_next_batch_is_well(performer: Performer) -> None:
    performer.error = ConnectionError()
    to = batcher(performer)
    results = await asyncio.gather(*submit(to, 1, 2), return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError, ConnectionError]
    performer.error = None
    assert await to.submit(5) == 10
    await turn()
    assert to.idle


async def test_submitter_that_is_cancelled_harms_nobody(performer: Performer) -> None:
    performer.open.clear()
    to = batcher(performer)
    first, second, third = submit(to, 1, 2, 3)
    await turn()
    for leaving in (first, second):
        leaving.cancel()
    performer.open.set()
    assert await third == 6
    assert first.cancelled()
    assert second.cancelled()
    assert sorted(item for batch in performer.batches for item in batch) == [1, 2, 3]
    await turn()
    assert to.idle


async def test_failure_of_an_item_whose_submitter_left_is_not_lost_on_the_others(performer: Performer) -> None:
    performer.open.clear()
    to = batcher(performer)
    leaving, staying = submit(to, -1, 4)
    await turn()
    leaving.cancel()
    performer.open.set()
    assert await staying == 8
