"""Clients that poll statuses with `If-None-Match`, each on its own connection, in one loop.

    python -m bench.hub.pollers < options.json

A period of 0 asks again as soon as the answer is in. It prints one line of figures at its end.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from statistics import quantiles
from typing import Any, cast

import uvloop


@dataclass
class Answers:
    """What came, from the first answer with an ETag on; `late` in seconds."""

    by_status: Counter[str] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)

    def shown(self, seconds: float) -> dict[str, Any]:
        """Rates a second, delays in milliseconds."""
        cut = quantiles(self.late, n=100)
        rates = {status: count / seconds for status, count in self.by_status.items()}
        return {"rates": rates, "p50": cut[49] * 1000, "p99": cut[98] * 1000, "most": max(self.late) * 1000}


class Poller(asyncio.Protocol):
    """One connection that asks for one status again and again."""

    def __init__(self, host: str, path: str, period: float, answers: Answers) -> None:
        self._head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n"
        self._etag = ""
        self._period = period
        self._answers = answers
        self._received = b""
        self._asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._received = b""
        self._count(head)
        if self._period:
            asyncio.get_running_loop().call_later(self._period, self._ask)
        else:
            self._ask()

    def _ask(self) -> None:
        self._asked_at = time.monotonic()
        condition = f"If-None-Match: {self._etag}\r\n" if self._etag else ""
        self._transport.write(f"{self._head}{condition}\r\n".encode())

    def _count(self, head: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        if self._etag:
            self._answers.by_status[lines[0].split()[1]] += 1
            self._answers.late.append(time.monotonic() - self._asked_at)
        etag = next((line for line in lines if line.lower().startswith("etag:")), None)
        self._etag = etag.partition(":")[2].strip() if etag else self._etag


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def poll(options: dict[str, Any]) -> None:
    """All pollers at once, their first questions spread over a period."""
    loop, answers = asyncio.get_running_loop(), Answers()
    host, port, count, period = options["host"], options["port"], options["pollers"], options["period"]
    began = time.monotonic()
    for index in range(count):
        path = options["paths"][index % len(options["paths"])]
        await loop.create_connection(partial(Poller, host, path, period, answers), host, port)
        await asyncio.sleep(period / count)
    answers.by_status.clear()
    answers.late.clear()
    began = time.monotonic()
    await asyncio.sleep(options["seconds"])
    print(json.dumps(answers.shown(time.monotonic() - began)), flush=True)


def main() -> None:
    uvloop.run(poll(json.loads(sys.stdin.readline())))


if __name__ == "__main__":
    main()
