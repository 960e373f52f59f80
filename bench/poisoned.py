"""`python -m bench.poisoned`: what five poisoned requests cost fifty people who chat.

By turns on fresh stacks, without them and with them, so that what a poison leaves behind shows in its own figures only.
A poison is what once stopped a process for everybody: it must be refused, or be carried out like anything else, and
nothing of it may be given back again and again.
"""

import asyncio
import json
import statistics
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import uvloop

from bench.chat import READS, Times, people, quantiles, talking, through
from bench.harness import Harness
from bench.product import NotMeasured
from bench.results import machine
from local_stack.ports import LOOPBACK
from shared.messaging.failures import ALIKE_AT_MOST

RESULT = Path(__file__).parent / "results" / "poisoned.md"
PAIRS: Final = 5
TALK: Final = READS._replace(seconds=30.0)
PEOPLE: Final = 50
POISONED_AFTER_SECONDS: Final = 5.0
BETWEEN_SECONDS: Final = 1.0
SENDING_SECONDS: Final = 60.0
MOST_P50, MOST_P99 = 1.10, 1.50
GIVEN_BACK: Final = ("message given back", "job given back")
FENCED: Final = "```" + "\n" * 16_000 + "x"
"""What a pattern for code fences once looked at for five seconds."""
FLOATS: Final = [1e15] * 70_000
"""Four bytes each as they are sent, eighteen in an event."""

Poison = Callable[[httpx.AsyncClient, str], Awaitable[int]]
"""Sends one poisoned request for an agent; returns the answer's status, 0 where the connection was closed instead."""


@dataclass(frozen=True)
class Window:
    """What fifty people met in one window."""

    times: Times
    statuses: tuple[int, ...]
    given_back: int
    """The most that any one message was given back."""

    @property
    def first_token(self) -> tuple[float, float]:
        """p50 and p99 of the later messages of chats, in milliseconds."""
        return quantiles([one.first_token for one in self.times.next_message])


async def many_numbers(client: httpx.AsyncClient, _agent: str) -> int:
    """A message whose part grows from 350 kB to 1.3 MB where it is stored and told."""
    parts = [{"type": "text", "text": "hi"}, {"type": "x", "d": FLOATS}]
    return await _posted(client, "/v1/chat/completions", _asked(parts))


async def a_picture(client: httpx.AsyncClient, _agent: str) -> int:
    """An ordinary picture of a megabyte, in a body under the bound."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_047_000}}
    return await _posted(client, "/v1/chat/completions", _asked([picture]))


async def a_fence(client: httpx.AsyncClient, agent: str) -> int:
    """A text of 16 kB that a pattern may look at for seconds."""
    return await _posted(client, "/api/promptbro/save", {"as": "agent", "agentId": agent, "text": FENCED})


async def many_personas(client: httpx.AsyncClient, _agent: str) -> int:
    """A start of half a kilobyte that multiplies a large agent."""
    large = {"name": "large", "systemPrompt": "\U0001f525" * 32_000, "provider": "demo", "model": "demo-standard"}
    answer = await client.post("/api/agents", json=large)
    if answer.status_code != httpx.codes.CREATED:
        return answer.status_code
    start = {"agentId": answer.json()["id"], "personas": ["refund-request"] * 30, "runs": 2, "maxBudgetUsd": 50}
    return await _posted(client, "/api/scale/start", {**start, "messageLimit": 2})


async def trailers(client: httpx.AsyncClient, _agent: str) -> int:
    """Twenty megabytes of lines behind a small body."""
    reader, writer = await asyncio.open_connection(LOOPBACK, client.base_url.port)
    head = "POST /api/agents HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    try:
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n".encode())
        for _ in range(200):
            writer.write(b"a:b\r\n" * 20_000)
            await writer.drain()
        status = (await reader.readline()).split()
        return int(status[1]) if len(status) > 1 else 0
    except ConnectionError:
        return 0
    finally:
        writer.close()


POISONS: Final[tuple[Poison, ...]] = (many_numbers, a_picture, a_fence, many_personas, trailers)


async def window(poisoned: bool) -> Window:
    """Fifty people on a stack of their own, with or without five poisoned requests in their midst."""
    async with talking(TALK) as (harness, _):
        port = int(harness.stack.gateway_urls[0].rpartition(":")[2])
        agent = await harness.product.create_agent()
        sending = asyncio.create_task(_poison(harness, agent) if poisoned else asyncio.sleep(0, ()))
        times = await people(PEOPLE, TALK, port, b'"text-delta"', through)
        async with asyncio.timeout(SENDING_SECONDS):
            statuses = await sending
        return Window(times, statuses, _given_back(harness.stack.logs))


async def _poison(harness: Harness, agent: str) -> tuple[int, ...]:
    await asyncio.sleep(POISONED_AFTER_SECONDS)
    statuses = []
    async with httpx.AsyncClient(base_url=harness.stack.gateway_urls[0], timeout=SENDING_SECONDS) as client:
        for poison in POISONS:
            statuses.append(await poison(client, agent))
            await asyncio.sleep(BETWEEN_SECONDS)
    return tuple(statuses)


async def _posted(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> int:
    try:
        return (await client.post(path, json=body)).status_code
    except httpx.TransportError:
        return 0


def _asked(content: object) -> dict[str, Any]:
    return {"model": "demo/demo-fast", "messages": [{"role": "user", "content": content}]}


def _given_back(logs: Path) -> int:
    """How often the message that was given back most was given back, by the services' logs."""
    counts: Counter[tuple[str, str]] = Counter()
    for file in logs.glob("*.log"):
        for line in file.read_text(errors="replace").splitlines():
            if any(event in line for event in GIVEN_BACK):
                said = json.loads(line)
                counts[file.name, str(said.get("job") or said.get("message_id") or said.get("subject"))] += 1
    return max(counts.values(), default=0)


async def measure() -> str:
    """The table as Markdown. Raises NotMeasured."""
    pairs: list[tuple[Window, Window]] = []
    for number in range(1, PAIRS + 1):
        without, poisoned = await window(False), await window(True)
        if 0 not in poisoned.statuses and any(status >= 500 for status in poisoned.statuses):
            raise NotMeasured(f"poisoned requests were answered {poisoned.statuses}")
        pairs.append((without, poisoned))
        print(_row(number, without, poisoned), flush=True)
    rows = [_row(number, *pair) for number, pair in enumerate(pairs, 1)]
    return "\n".join([*_head(), *rows, "", _verdict(pairs)]) + "\n"


def _head() -> list[str]:
    about = ", ".join(f"{name} {value}" for name, value in machine().items())
    poisons = "; ".join((poison.__doc__ or "").strip().rstrip(".") for poison in POISONS)
    return [
        "# Five poisoned requests beside fifty people who chat",
        "",
        f"Measured {about}. People as in [chat.md](chat.md), at {TALK.tokens_per_second:g} tokens/s; the poisoned "
        f"requests come one a second, {POISONED_AFTER_SECONDS:g} s after people began: {poisons}.",
        "",
        "| pair | first token p50 / p99 ms without | with | x p50 | x p99 | answered with | most given back |",
        "|---|---|---|---|---|---|---|",
    ]


def _row(number: int, without: Window, poisoned: Window) -> str:
    (a50, a99), (b50, b99) = without.first_token, poisoned.first_token
    statuses = ", ".join(str(status) if status else "closed" for status in poisoned.statuses)
    return (
        f"| {number} | {a50:.1f} / {a99:.1f} | {b50:.1f} / {b99:.1f} | {b50 / a50:.2f} | {b99 / a99:.2f} "
        f"| {statuses} | {poisoned.given_back} |"
    )


def _verdict(pairs: list[tuple[Window, Window]]) -> str:
    places = ((0, MOST_P50, "p50"), (1, MOST_P99, "p99"))
    said = []
    for place, most, name in places:
        ratio = statistics.median(
            poisoned.first_token[place] / without.first_token[place] for without, poisoned in pairs
        )
        said.append(f"{name} x {ratio:.2f} <= {most:.2f}: {'yes' if ratio <= most else 'no'}")
    back = max(poisoned.given_back for _, poisoned in pairs)
    said.append(f"given back at most {back} times <= {ALIKE_AT_MOST}: {'yes' if back <= ALIKE_AT_MOST else 'no'}")
    return f"Medians of {len(pairs)} pairs: {'; '.join(said)}."


if __name__ == "__main__":
    text = uvloop.run(measure())
    print(text, file=sys.stdout)
    RESULT.write_text(text)
