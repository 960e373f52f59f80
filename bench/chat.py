"""`python -m bench.chat`: what a chat adds to its model's time to first token, with 1, 50 and 200 people talking.

Everybody sends the next message as soon as the answer before it is there, so that the given number of streams is open
all the time; once straight to the model, once through gateway, orchestrator and llm-runner, in turn on one machine.
Answers differ in length, as answers do, so that people do not fall into step.
"""

import asyncio
import json
import random
import statistics
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import uvloop

from bench.harness import Harness, running_harness
from bench.product import NotMeasured
from bench.results import machine
from bench.timed_requests import Arrival, Connection, connect
from bench.turns import play_floor
from bench.workload import PACE as MAIN_PACE
from bench.workload import Case
from llm_runner.settings import CallSettings
from local_stack.demo_registry import demo_registry
from local_stack.ports import LOOPBACK, free_port
from shared.contracts.identity import new_id

RESULT = Path(__file__).parent / "results" / "chat.md"
STREAMS: Final = (1, 50, 200)
WORDS: Final = (60, 140)
"""The shortest and the longest answer; every length between them is as likely."""
REFERENCE_FLOOR_SECONDS: Final = 6.8
FIRST_TOKEN_SECONDS: Final = 0.05
BEAT_SECONDS: Final[float] = CallSettings.model_fields["delta_interval_seconds"].default
GOAL: Final = (50, 12.0, 40.0)
"""With so many streams so many milliseconds, p50 and p99, on a machine whose floor is the reference's."""
LANE: Final = 512
PROVIDER, MODEL = "upstream", "counts"
UPSTREAM_SECONDS: Final = 10.0


class Talk(NamedTuple):
    """How fast the model writes, and for how long people talk; `stretched` says how much longer all of it takes.

    A machine that is so many times slower needs so many times longer for everything. Where model and beat of the texts
    are slowed down as much, its queues are as long as those of the reference: what is compared then is the product.
    """

    tokens_per_second: float
    seconds: float
    stretched: float = 1.0

    @property
    def first_token_seconds(self) -> float:
        return FIRST_TOKEN_SECONDS * self.stretched

    @property
    def pace(self) -> float:
        return self.tokens_per_second / self.stretched

    @property
    def answer_seconds(self) -> float:
        """What an answer takes on average: people begin spread over it."""
        return self.first_token_seconds + statistics.mean(WORDS) / self.pace

    @property
    def settings(self) -> dict[str, str]:
        return {"AGENTWARS_DELTA_INTERVAL_SECONDS": str(BEAT_SECONDS * self.stretched)}


READS, FASTEST = Talk(20, 40.0), Talk(100, 20.0)
"""Twice as fast as people read; as fast as the fastest models write."""


@dataclass
class Times:
    """Of every request: a chat's first message, and the later ones."""

    first_message: list[Arrival] = field(default_factory=list)
    next_message: list[Arrival] = field(default_factory=list)


Ask = Callable[[int], Awaitable[Arrival]]
"""Asks for answer 0, 1, 2 ... and reads it to its end."""


async def people(at_once: int, talk: Talk, port: int, token: bytes, asking: Callable[[Connection], Ask]) -> Times:
    """`at_once` people who talk for as long as `talk` says, each on a connection to `port`."""
    times, ends = Times(), time.monotonic() + talk.seconds

    async def person(number: int) -> None:
        await asyncio.sleep(talk.answer_seconds * number / at_once)
        connection = await connect(port, token)
        ask, answered = asking(connection), 0
        while time.monotonic() < ends:
            taken = await ask(answered)
            (times.next_message if answered else times.first_message).append(taken)
            answered += 1
        connection.close()

    await asyncio.gather(*(person(number) for number in range(at_once)))
    return times


def straight(connection: Connection) -> Ask:
    """One question after another straight to the model."""

    async def ask(_number: int) -> Arrival:
        words = random.randint(*WORDS)
        body = {"model": MODEL, "messages": [{"role": "user", "content": _question(words)}], "stream": True}
        return await connection.ask("/v1/chat/completions", body, words)

    return ask


def through(connection: Connection) -> Ask:
    """One chat through the product, a message at a time."""
    chat = new_id()

    async def ask(number: int) -> Arrival:
        words = random.randint(*WORDS)
        message = {"id": f"m{number}", "role": "user", "parts": [{"type": "text", "text": _question(words)}]}
        asked = {"id": chat, "messages": [message], "trigger": "submit-message"}
        return await connection.ask("/api/chat", {**asked, "provider": PROVIDER, "model": MODEL}, words)

    return ask


def _question(words: int) -> str:
    return f"Please count to {words}"


async def measure() -> str:
    """The table as Markdown. Raises NotMeasured."""
    floors, rows = [], []
    for talk in (READS, FASTEST):
        async with talking(talk) as (harness, port):
            rows += [await _row(harness, talk, at_once, port) for at_once in STREAMS]
            floors.append(await _floor(harness))
    stretched = Talk(FASTEST.tokens_per_second, 40.0, statistics.mean(floors) / REFERENCE_FLOOR_SECONDS)
    async with talking(stretched) as (harness, port):
        rows += [await _row(harness, stretched, at_once, port) for at_once in STREAMS]
        floors.append(await _floor(harness))
    slower = statistics.mean(floors) / REFERENCE_FLOOR_SECONDS
    return "\n".join([*_head(floors, slower), *(row.markdown(slower) for row in rows)]) + "\n"


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[tuple[Harness, int]]:
    """A stack and a model of its own for the length of a `with` block, and the model's port."""
    demo, port = free_port(), free_port()
    registry = json.loads(demo_registry(f"http://{LOOPBACK}:{demo}")) | {PROVIDER: _entry(port)}
    settings = talk.settings | {"AGENTWARS_PROVIDERS": json.dumps(registry)}
    async with running_harness(settings=settings, demo_port=demo) as harness, upstream(port, talk):
        yield harness, port


def _entry(port: int) -> dict[str, Any]:
    model = {"tier": "fast", "contextWindow": 32_000, "maxOutputTokens": 4_096}
    price = {"inputUsdPerMillion": 0.1, "outputUsdPerMillion": 0.4}
    limits = {"concurrency": 2 * LANE, "liveConcurrency": LANE}
    return {"baseUrl": f"http://{LOOPBACK}:{port}/v1", **limits, "models": {MODEL: model | price}}


@asynccontextmanager
async def upstream(port: int, talk: Talk) -> AsyncIterator[None]:
    """The model, for the length of a `with` block, in a process of its own."""
    command = (sys.executable, "-m", "bench.upstream", str(port), str(talk.first_token_seconds), str(talk.pace))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(UPSTREAM_SECONDS):
            if not await process.stdout.readline():
                raise NotMeasured("the model of the bench did not start")
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _head(floors: list[float], slower: float) -> list[str]:
    about = ", ".join(f"{name} {value}" for name, value in machine().items())
    streams, p50, p99 = GOAL
    return [
        "# A chat's time to first token",
        "",
        f"Measured {about}. {WORDS[0]} to {WORDS[1]} tokens an answer, 50 ms to the first; everybody sends the next "
        "message as soon as the answer before it is there; client, model and the whole stack share the cores.",
        "",
        f"The main job's floor took {', '.join(f'{floor:.1f}' for floor in floors)} s: this machine is {slower:.2f} x "
        f"slower than one that takes {REFERENCE_FLOOR_SECONDS} s, for which {p50:g} ms p50 and {p99:g} ms p99 are to "
        f"be reached with {streams} streams; here that is **{p50 * slower:.0f} and {p99 * slower:.0f} ms**.",
        "",
        "Three paces: a model that writes twice as fast as people read; one that writes as fast as the fastest, which "
        f"on this machine is {slower:.1f} times the load that it is on that one; the same *in this machine's time*, "
        f"the model's times and the beat of the texts {slower:.1f} times as long as everything here is, so that queues "
        "are as long as on that machine.",
        "",
        "| tokens/s a stream | streams | straight p50 / p99 ms | next message p50 / p99 ms | **added p50** "
        "| **added p99** | new chat p50 ms | first byte p50 / p99 ms | answers | answers/s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]


async def _floor(harness: Harness) -> float:
    await harness.model.set_pace(MAIN_PACE)
    return (await play_floor(harness, Case(100))).span_seconds


@dataclass(frozen=True)
class Row:
    """One pace with so many streams, straight and through the product."""

    talk: Talk
    at_once: int
    alone: Times
    product: Times

    def markdown(self, slower: float) -> str:
        alone, product = self.alone.next_message, self.product.next_message
        (a50, a99), (p50, p99) = (quantiles([one.first_token for one in times]) for times in (alone, product))
        new, _ = quantiles([one.first_token for one in self.product.first_message])
        byte50, byte99 = quantiles([one.first_byte for one in product])
        count = len(self.product.first_message) + len(product)
        added = " | ".join(self._judged(value, place, slower) for place, value in ((1, p50 - a50), (2, p99 - a99)))
        return (
            f"| {self._pace} | {self.at_once} | {a50:.1f} / {a99:.1f} | {p50:.1f} / {p99:.1f} "
            f"| {added} | {new:.1f} | {byte50:.1f} / {byte99:.1f} | {count} | {count / self.talk.seconds:.1f} |"
        )

    @property
    def _pace(self) -> str:
        written = f"{self.talk.tokens_per_second:.0f}"
        return f"{written}, in this machine's time: {self.talk.pace:.0f}" if self.talk.stretched != 1 else written

    def _judged(self, value: float, place: int, slower: float) -> str:
        if self.at_once != GOAL[0]:
            return f"{value:.1f}"
        goal = GOAL[place] * slower
        return f"**{value:.1f}** <= {goal:.0f}: {'yes' if value <= goal else 'no'}"


async def _row(harness: Harness, talk: Talk, at_once: int, port: int) -> Row:
    gateway = int(harness.stack.gateway_urls[0].rpartition(":")[2])
    alone = await people(at_once, talk, port, b'"content":"', straight)
    product = await people(at_once, talk, gateway, b'"text-delta"', through)
    row = Row(talk, at_once, alone, product)
    print(row.markdown(1.0), flush=True)
    return row


def quantiles(values: list[float]) -> tuple[float, float]:
    """p50 and p99; of one value itself."""
    if len(values) < 2:
        return values[0], values[0]
    return statistics.median(values), statistics.quantiles(values, n=100, method="inclusive")[98]


if __name__ == "__main__":
    text = uvloop.run(measure())
    print(text)
    RESULT.write_text(text)
