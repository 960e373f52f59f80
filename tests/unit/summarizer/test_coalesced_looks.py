"""One look at a run at a time, shared by the triggers that wait for it."""

import asyncio

import pytest

from shared.errors import NotYet
from summarizer.coalesced_looks import CoalescedLooks


class Looking:
    """A look that takes as long as it is told to."""

    def __init__(self) -> None:
        self.looks: list[tuple[str, bool]] = []
        self.under_way = 0
        self.most_at_once = 0
        self.begun = asyncio.Semaphore(0)
        self.go_on = asyncio.Event()
        self.fails = False

    async def look(self, run_id: str, first: bool) -> None:
        self.looks.append((run_id, first))
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        self.begun.release()
        await self.go_on.wait()
        self.under_way -= 1
        if self.fails:
            raise NotYet("a conversation")


async def test_triggers_that_come_during_a_look_share_the_next_one() -> None:
    looking = Looking()
    shared = CoalescedLooks(looking.look, at_once=4)
    early = asyncio.create_task(shared.look("a", True))
    await looking.begun.acquire()
    late = [asyncio.create_task(shared.look("a", number != 3)) for number in range(24)]
    await asyncio.sleep(0)
    assert looking.looks == [("a", True)]
    looking.go_on.set()
    await asyncio.gather(early, *late)
    assert looking.looks == [("a", True), ("a", False)]
    await shared.look("a", True)
    assert looking.looks[2:] == [("a", True)]


async def test_runs_are_looked_at_side_by_side_up_to_a_bound() -> None:
    looking = Looking()
    shared = CoalescedLooks(looking.look, at_once=2)
    tasks = [asyncio.create_task(shared.look(run_id, True)) for run_id in "abcd"]
    await looking.begun.acquire()
    await looking.begun.acquire()
    looking.go_on.set()
    await asyncio.gather(*tasks)
    assert sorted(looking.looks) == [(run_id, True) for run_id in "abcd"]
    assert looking.most_at_once == 2


async def test_all_who_share_a_look_get_its_failure_and_one_who_leaves_disturbs_nobody() -> None:
    looking = Looking()
    looking.fails = True
    shared = CoalescedLooks(looking.look, at_once=1)
    leaving, staying, also = (asyncio.create_task(shared.look("a", True)) for _ in range(3))
    await looking.begun.acquire()
    leaving.cancel()
    looking.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    for task in (staying, also):
        with pytest.raises(NotYet):
            await task
    assert looking.looks == [("a", True)]
