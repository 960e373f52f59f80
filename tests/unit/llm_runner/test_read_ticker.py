"""When answers are read: in step with each other, and at once where there is nothing to wait for."""

import asyncio
from collections.abc import Callable
from typing import Any

from llm_runner.providers.read_ticker import AnswerReading, ReadTicker

TICK_SECONDS = 0.02
SOON_SECONDS = 5.0


class Content:
    """Stands for what aiohttp has of an answer."""

    def __init__(self) -> None:
        self.total_bytes = 0
        self.error: Exception | None = None
        self.ends: list[Callable[[], None]] = []

    def on_eof(self, callback: Callable[[], None]) -> None:
        self.ends.append(callback)

    def exception(self) -> Exception | None:
        return self.error


def reading(ticker: ReadTicker, *, text_began: bool = True) -> tuple[AnswerReading, Any]:
    content: Any = Content()
    made = AnswerReading(ticker, content)
    made.text_began = text_began
    return made, content


async def test_nothing_is_waited_for_before_text_has_begun() -> None:
    before, _ = reading(ReadTicker(3600), text_began=False)
    await asyncio.wait_for(before.next(), SOON_SECONDS)


async def test_answers_are_read_together_whenever_their_text_came() -> None:
    ticker, loop = ReadTicker(TICK_SECONDS), asyncio.get_running_loop()
    (first, of_first), (second, of_second) = reading(ticker), reading(ticker)
    went_on: list[float] = []

    async def read(one: AnswerReading) -> None:
        await one.next()
        went_on.append(loop.time())

    tasks = [asyncio.create_task(read(one)) for one in (first, second)]
    await asyncio.sleep(3 * TICK_SECONDS)
    assert not went_on
    of_first.total_bytes = 5
    await asyncio.sleep(0)
    assert not went_on
    of_second.total_bytes = 5
    await asyncio.wait_for(asyncio.gather(*tasks), SOON_SECONDS)
    assert went_on[1] - went_on[0] < TICK_SECONDS / 2


async def test_an_answer_that_ended_is_read_at_once() -> None:
    ending, content = reading(ReadTicker(3600))
    task = asyncio.create_task(ending.next())
    await asyncio.sleep(0)
    for end in content.ends:
        end()
    await asyncio.wait_for(task, SOON_SECONDS)
    await asyncio.wait_for(ending.next(), SOON_SECONDS)


async def test_a_broken_answer_is_read_with_the_next_tick() -> None:
    broken, content = reading(ReadTicker(TICK_SECONDS))
    task = asyncio.create_task(broken.next())
    await asyncio.sleep(0)
    content.error = ConnectionError("gone")
    await asyncio.wait_for(task, SOON_SECONDS)


async def test_whoever_left_holds_no_tick() -> None:
    ticker = ReadTicker(TICK_SECONDS)
    left, _ = reading(ticker)
    task = asyncio.create_task(left.next())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(2 * TICK_SECONDS)
    assert not ticker._waiting
