"""Tells events at a steady rate, to JetStream as the engine does, or to nchan.

    python -m bench.hub.publisher < options.json

Each channel gets `rate` events a second, spread evenly; `nchan` instead of `nats` posts them over one connection.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import nats

from bench.hub.marked_events import delta

TICK_SECONDS: Final = 0.002

Tell = Callable[[dict[str, str], bytes], Awaitable[None]]


async def publish_all(options: dict[str, Any], tell: Tell) -> None:
    """Tells until the time is up; what fell behind is told at once, so that the rate holds."""
    channels: list[dict[str, str]] = options["channels"]
    numbers = [options.get("from", 1)] * len(channels)
    began, told = time.monotonic(), 0
    while (passed := time.monotonic() - began) < options["seconds"]:
        due = int(passed * options["rate"] * len(channels))
        for place in range(told, due):
            at = place % len(channels)
            channel = channels[at]
            await tell(channel, delta(channel["run"], channel["conversation"], numbers[at]))
            numbers[at] += 1
        told = due
        await asyncio.sleep(TICK_SECONDS)
    print(json.dumps({"told": told, "last": numbers[0] - 1, "seconds": time.monotonic() - began}), flush=True)


async def to_nats(options: dict[str, Any]) -> None:
    client = await nats.connect(options["nats"])

    async def tell(channel: dict[str, str], payload: bytes) -> None:
        await client.publish(channel["subject"], payload, headers=_headers(channel))

    await publish_all(options, tell)
    await client.flush()
    await client.close()


def _headers(channel: dict[str, str]) -> dict[str, str] | None:
    """What stands on a run's `.events` names its type; texts carry nothing."""
    if not channel["subject"].endswith(".events"):
        return None
    return {"Aw-Type": "message", "Aw-Run-Id": channel["run"], "Aw-Conversation-Id": channel["conversation"]}


async def to_nchan(options: dict[str, Any]) -> None:
    host, port = options["nchan"]
    reader, writer = await asyncio.open_connection(host, port)

    async def tell(channel: dict[str, str], payload: bytes) -> None:
        head = f"POST /tell?id={channel['run']} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(payload)}\r\n\r\n"
        writer.write(head.encode() + payload)
        await _answered(reader)

    await publish_all(options, tell)
    writer.close()


async def _answered(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))


def main() -> None:
    options = json.loads(sys.stdin.readline())
    asyncio.run(to_nats(options) if "nats" in options else to_nchan(options))


if __name__ == "__main__":
    main()
