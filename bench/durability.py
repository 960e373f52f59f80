"""`python -m bench.durability`: what a power cut's safety costs a publish (docs/reliability.md).

JetStream confirms a message that its operating system holds; `sync_interval: always` syncs every write first, three
replicas have two servers hold it. The same publishes against each, side by side in one run.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import StorageType, StreamConfig

from bench.results import machine
from local_stack.finder import Binary, find_nats
from local_stack.ports import LOOPBACK, free_port
from local_stack.processes import Process

RESULT = Path(__file__).parent / "results" / "durability.md"
STREAM, SUBJECT = "PRICED", "priced"
PAYLOAD = b"x" * 600  # bytes: about a `message` event
ALONE, AT_ONCE, TOGETHER = 500, 50, 3000
READY_SECONDS, STOP_SECONDS = 30.0, 5.0
CONFIGURATION = """\
server_name: "n{index}"
listen: "{host}:{port}"
jetstream {{ store_dir: {store}, max_file_store: 1GB{sync} }}
"""
CLUSTER = """\
cluster {{ name: priced, listen: "{host}:{own}", routes: {routes} }}
"""


@dataclass(frozen=True)
class Way:
    """One way to run JetStream."""

    name: str
    servers: int = 1
    sync_always: bool = False


@dataclass(frozen=True)
class Price:
    """Milliseconds of a confirmed publish alone, and publishes a second with `AT_ONCE` in flight."""

    p50_ms: float
    p99_ms: float
    a_second: float


WAYS = (
    Way("one server, synced every two minutes (default)"),
    Way("one server, `sync_interval: always`", sync_always=True),
    Way("three replicas, synced every two minutes", servers=3),
    Way("three replicas, `sync_interval: always`", servers=3, sync_always=True),
)


@asynccontextmanager
async def running(way: Way, binary: Path) -> AsyncIterator[Client]:
    """The servers of a way, and a client whose stream they hold."""
    with tempfile.TemporaryDirectory(prefix="agentwars-durability-") as folder:
        ports, routes = [free_port() for _ in range(way.servers)], [free_port() for _ in range(way.servers)]
        processes = [_server(way, binary, Path(folder), index, ports, routes) for index in range(way.servers)]
        try:
            for process in processes:
                process.start()
            client = await _connected(f"nats://{LOOPBACK}:{ports[0]}", way)
            try:
                yield client
            finally:
                await client.close()
        finally:
            for process in processes:
                process.terminate(STOP_SECONDS)


def _server(way: Way, binary: Path, folder: Path, index: int, ports: list[int], routes: list[int]) -> Process:
    home = folder / f"n{index}"
    home.mkdir()
    sync = ", sync_interval: always" if way.sync_always else ""
    text = CONFIGURATION.format(index=index, host=LOOPBACK, port=ports[index], store=json.dumps(str(home)), sync=sync)
    if way.servers > 1:
        others = json.dumps([f"nats://{LOOPBACK}:{port}" for port in routes])
        text += CLUSTER.format(host=LOOPBACK, own=routes[index], routes=others)
    configuration = home / "nats.conf"
    configuration.write_text(text)
    return Process(f"n{index}", [str(binary), "--config", str(configuration)], {}, home / "nats.log")


async def _connected(url: str, way: Way) -> Client:
    """Retries until the cluster has a leader that takes the stream. Raises the last error after `READY_SECONDS`."""
    ends = time.monotonic() + READY_SECONDS
    config = StreamConfig(name=STREAM, subjects=[SUBJECT], storage=StorageType.FILE, num_replicas=way.servers)
    while True:
        try:
            client = await nats.connect(url, connect_timeout=2, allow_reconnect=False, error_cb=_expected)
            await client.jetstream(timeout=5).add_stream(config)
        except (NatsError, OSError):
            if time.monotonic() > ends:
                raise
            await asyncio.sleep(0.2)
        else:
            return client


async def _expected(_error: Exception) -> None:
    """A server that does not listen yet is asked again."""


async def price(client: Client) -> Price:
    """Publishes one after the other, then `AT_ONCE` at once."""
    stream = client.jetstream(timeout=10)
    alone = []
    for _ in range(ALONE):
        began = time.perf_counter()
        await stream.publish(SUBJECT, PAYLOAD)
        alone.append((time.perf_counter() - began) * 1000)

    async def some() -> None:
        for _ in range(TOGETHER // AT_ONCE):
            await stream.publish(SUBJECT, PAYLOAD)

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return Price(median(alone), quantiles(alone, n=100)[98], TOGETHER / (time.perf_counter() - began))


async def measure() -> str:
    """Every way in turn; the table as Markdown. Raises RuntimeError where only somebody else's NATS is to be had."""
    source = find_nats(os.environ)
    if not isinstance(source, Binary):
        raise RuntimeError("unset AGENTWARS_NATS_URL: this starts servers of its own")
    about = ", ".join(f"{name} {value}" for name, value in machine().items())
    lines = [
        "# What a publish costs that survives a power cut",
        "",
        f"Measured {about}. All servers on the same machine and disk, so three replicas share what they would not "
        "share in three zones, and spare the network between them.",
        "",
        f"| JetStream | alone p50 ms | alone p99 ms | {AT_ONCE} at once, publishes/s |",
        "|---|---|---|---|",
    ]
    for way in WAYS:
        async with running(way, source.path) as client:
            paid = await price(client)
        lines.append(f"| {way.name} | {paid.p50_ms:.2f} | {paid.p99_ms:.2f} | {paid.a_second:,.0f} |")
        print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    RESULT.write_text(asyncio.run(measure()))
