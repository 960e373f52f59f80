"""`python -m bench.chat`: what a chat adds to its model's time to first token, with 1, 50 and 200 people talking.

Everybody sends the next message as soon as the answer before it is there, so that the given number of streams is open
all the time; once straight to the model, once through gateway, orchestrator and llm-runner, in turn on one machine.
Answers differ in length, as answers do, so that people do not fall into step.
"""

import asyncio
import json
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp

from bench.product import NotMeasured
from bench.results import machine
from bench.stage import Stage, on_stage
from bench.turns import play_floor
from bench.workload import PACE as MAIN_PACE
from bench.workload import Case
from local_stack.demo_registry import demo_registry
from local_stack.ports import LOOPBACK, free_port
from shared.contracts.identity import new_id

RESULT = Path(__file__).parent / "results" / "chat.md"
STREAMS: Final = (1, 50, 200)
WORDS: Final = (60, 140)
"""The shortest and the longest answer; every length between them is as likely."""
FIRST_TOKEN_SECONDS: Final = 0.05
REFERENCE_FLOOR_SECONDS: Final = 6.8
LANE: Final = 512
MODEL: Final = "demo-fast"
TIMEOUT: Final = aiohttp.ClientTimeout(total=60)


class Talk(NamedTuple):
    """How fast the model writes, and for how long people talk."""

    tokens_per_second: float
    seconds: float

    @property
    def pace(self) -> dict[str, Any]:
        return {
            "totalSeconds": None,
            "timeToFirstTokenSeconds": FIRST_TOKEN_SECONDS,
            "tokensPerSecond": self.tokens_per_second,
            "wordsPerChunk": 1,
        }

    @property
    def answer_seconds(self) -> float:
        """What an answer takes on average: people begin spread over it."""
        return FIRST_TOKEN_SECONDS + statistics.mean(WORDS) / self.tokens_per_second


TALKS: Final = (Talk(20, 40.0), Talk(100, 20.0))
"""As fast as people read twice over, and as fast as the fastest models write."""


class Came(NamedTuple):
    """Milliseconds from a request to its answer's first byte, and to its first token."""

    first_byte: float
    first_token: float


@dataclass
class Times:
    """Of every request: a chat's first message, and the later ones."""

    first_message: list[Came] = field(default_factory=list)
    next_message: list[Came] = field(default_factory=list)


Ask = Callable[[int], Awaitable[Came]]
"""Asks for answer 0, 1, 2 ... and reads it to its end."""


async def people(at_once: int, talk: Talk, asking: Callable[[], Ask]) -> Times:
    """`at_once` people who talk for as long as `talk` says."""
    times, ends = Times(), time.monotonic() + talk.seconds

    async def person(number: int) -> None:
        await asyncio.sleep(talk.answer_seconds * number / at_once)
        ask, answered = asking(), 0
        while time.monotonic() < ends:
            taken = await ask(answered)
            (times.next_message if answered else times.first_message).append(taken)
            answered += 1

    await asyncio.gather(*(person(number) for number in range(at_once)))
    return times


async def came(session: aiohttp.ClientSession, url: str, body: dict[str, Any], token: bytes, words: int) -> Came:
    """When anything and when `token` came; reads to the end. Raises NotMeasured for an answer that is not whole."""
    began, first_byte, first_token, read = time.perf_counter(), 0.0, 0.0, bytearray()
    async with session.post(url, data=json.dumps(body), headers={"Content-Type": "application/json"}) as response:
        async for piece in response.content.iter_any():
            read += piece
            first_byte = first_byte or time.perf_counter() - began
            if not first_token and token in read:
                first_token = time.perf_counter() - began
    if not first_token or not read.rstrip().endswith(b"[DONE]") or str(words).encode() not in read:
        raise NotMeasured(f"{url} answered {response.status}: {bytes(read[-300:]).decode(errors='replace')}")
    return Came(first_byte * 1000, first_token * 1000)


def straight(session: aiohttp.ClientSession, model_url: str) -> Ask:
    """One question after another straight to the model."""

    async def ask(_number: int) -> Came:
        words = random.randint(*WORDS)
        body = {"model": MODEL, "messages": [{"role": "user", "content": _question(words)}], "stream": True}
        return await came(session, f"{model_url}/v1/chat/completions", body, b'"content":"', words)

    return ask


def through(session: aiohttp.ClientSession, gateway_url: str) -> Ask:
    """One chat through the product, a message at a time."""
    chat = new_id()

    async def ask(number: int) -> Came:
        words = random.randint(*WORDS)
        message = {"id": f"m{number}", "role": "user", "parts": [{"type": "text", "text": _question(words)}]}
        body = {"id": chat, "messages": [message], "trigger": "submit-message", "model": MODEL}
        return await came(session, f"{gateway_url}/api/chat", body, b'"text-delta"', words)

    return ask


def _question(words: int) -> str:
    return f"Please count to {words}"


async def measure() -> str:
    """The table as Markdown. Raises NotMeasured."""
    port = free_port()
    registry = json.loads(demo_registry(f"http://{LOOPBACK}:{port}"))
    registry["demo"] |= {"concurrency": 2 * LANE, "liveConcurrency": LANE}
    async with on_stage(settings={"AGENTWARS_PROVIDERS": json.dumps(registry)}, demo_port=port) as stage:
        floors = [await _floor(stage)]
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=TIMEOUT, connector=connector) as session:
            rows = [await _row(session, stage, talk, at_once) for talk in TALKS for at_once in STREAMS]
        floors.append(await _floor(stage))
    return "\n".join([*_head(floors), *rows]) + "\n"


def _head(floors: list[float]) -> list[str]:
    about = ", ".join(f"{name} {value}" for name, value in machine().items())
    slower = statistics.mean(floors) / REFERENCE_FLOOR_SECONDS
    return [
        "# A chat's time to first token",
        "",
        f"Measured {about}. {WORDS[0]} to {WORDS[1]} tokens an answer, 50 ms to the first; everybody sends the next "
        "message as soon as the answer before it is there; client, model and the whole stack share the cores.",
        "",
        f"The main job's floor took {floors[0]:.1f} s before and {floors[1]:.1f} s after: this machine is "
        f"{slower:.2f} x slower than one that takes {REFERENCE_FLOOR_SECONDS} s, for which 12 ms p50 and 40 ms p99 "
        f"are to be reached with 50 streams; here that is **{12 * slower:.0f} and {40 * slower:.0f} ms**.",
        "",
        "| tokens/s a stream | streams | straight p50 / p99 ms | next message p50 / p99 ms | **added p50** | added p99 "
        "| new chat p50 ms | first byte p50 / p99 ms | answers | answers/s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]


async def _floor(stage: Stage) -> float:
    await stage.model.set_pace(MAIN_PACE)
    return (await play_floor(stage, Case(100))).span_seconds


async def _row(session: aiohttp.ClientSession, stage: Stage, talk: Talk, at_once: int) -> str:
    await stage.model.set_pace(talk.pace)
    model_url, gateway_url = stage.model.url, stage.stack.gateway_urls[0]
    alone = await people(at_once, talk, lambda: straight(session, model_url))
    product = await people(at_once, talk, lambda: through(session, gateway_url))
    (a50, a99), (p50, p99) = (_quantiles([one.first_token for one in times.next_message]) for times in (alone, product))
    new, _ = _quantiles([one.first_token for one in product.first_message])
    byte50, byte99 = _quantiles([one.first_byte for one in product.next_message])
    count = len(product.first_message) + len(product.next_message)
    row = (
        f"| {talk.tokens_per_second:g} | {at_once} | {a50:.1f} / {a99:.1f} | {p50:.1f} / {p99:.1f} "
        f"| **{p50 - a50:.1f}** | {p99 - a99:.1f} | {new:.1f} | {byte50:.1f} / {byte99:.1f} | {count} "
        f"| {count / talk.seconds:.1f} |"
    )
    print(row, flush=True)
    return row


def _quantiles(values: list[float]) -> tuple[float, float]:
    """p50 and p99; of one value itself."""
    if len(values) < 2:
        return values[0], values[0]
    return statistics.median(values), statistics.quantiles(values, n=100, method="inclusive")[98]


if __name__ == "__main__":
    RESULT.write_text(asyncio.run(measure()))
