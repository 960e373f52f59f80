"""What else is asked of the hub: idle streams, a storm of reconnects, polls, one run of a thousand conversations."""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any, Final

import httpx

from bench.hub.harness import HubHarness, Served, channel, program
from bench.product import NotMeasured
from local_stack.ports import LOOPBACK

SETTLE_SECONDS: Final = 2.0
COLLECT_SECONDS: Final = 30.0

IDLE_WARM: Final = 20

STORM_CLIENTS: Final = 1000
STORM_TOLD: Final = 1500
STORM_BEHIND: Final = 300
"""Events that a client may have missed, at most."""
STORM_RATE: Final = 20
STORM_LIVE_SECONDS: Final = 60.0

POLLERS: Final = 200
POLLED_RUNS: Final = 20
POLL_SECONDS: Final = 8.0

LARGE_CONVERSATIONS: Final = 1000
LARGE_CLIENTS: Final = 10
FACTS_A_SECOND: Final = 100.0
TEXTS_A_SECOND: Final = 5.0
"""Of each conversation."""
LARGE_SECONDS: Final = 6.0


@dataclass(frozen=True)
class Idle:
    """Streams on which nothing happens."""

    runs: int
    clients: int
    kilobytes_each: float
    connect_seconds: float
    cores: float


async def measure_idle(harness: HubHarness, served: Served, runs: int, clients: int) -> Idle:
    """What each of `runs` times `clients` streams holds, and how long all of them take to connect at once."""
    ids = [await harness.new_run() for _ in range(runs)]
    async with program("readers", {"groups": [served.group(ids[0], IDLE_WARM)]}) as readers:
        await readers.answer()
    await asyncio.sleep(SETTLE_SECONDS)
    before = served.resident()
    async with program("readers", {"groups": [served.group(run, clients) for run in ids]}) as readers:
        connected = await readers.answer()
        await asyncio.sleep(SETTLE_SECONDS)
        held = served.resident() - before
        began, spent = time.monotonic(), served.spent()
        await asyncio.sleep(SETTLE_SECONDS)
        cores = (served.spent() - spent) / (time.monotonic() - began)
    return Idle(runs, clients, held / 1000 / (runs * clients), connected["seconds"], cores)


@dataclass(frozen=True)
class Storm:
    """Clients that come back all at once, each with a last id of its own, while the run goes on."""

    clients: int
    seconds: float
    events: int
    missing: int
    processor_seconds: float
    """Of the gateway."""


async def measure_storm(harness: HubHarness, served: Served) -> Storm:
    """From the first connect until the last client has all that was told before it."""
    run = await harness.begun_run()
    told = {"nats": harness.stack.nats_url, "channels": [channel(run)], "rate": STORM_TOLD, "seconds": 1.0}
    async with program("publisher", told) as publisher:
        last = (await publisher.answer())["last"]
    ids = await _ids(f"{harness.stack.gateway_urls[0]}/api/runs/{run}/events", last)
    numbers = [last - 1 - index % STORM_BEHIND for index in range(STORM_CLIENTS)]
    group = served.group(run, STORM_CLIENTS, [ids[number] for number in numbers]) | {"lastNumbers": numbers}
    live = told | {"rate": STORM_RATE, "seconds": STORM_LIVE_SECONDS, "from": last + 1}
    async with (
        program("publisher", live),
        program("readers", {"groups": [group], "lookOneIn": 1, "until": last}) as crowd,
    ):
        before = served.spent()
        await crowd.answer()
        reached = await crowd.answer()
        spent = served.spent() - before
    return Storm(STORM_CLIENTS, reached["seconds"], reached["events"], reached["missing"], spent)


async def _ids(url: str, last: int) -> dict[int, str]:
    """The id of every event by its number, up to the last. Raises NotMeasured."""
    ids: dict[int, str] = {}
    identity = ""
    try:
        async with (
            asyncio.timeout(COLLECT_SECONDS),
            httpx.AsyncClient(timeout=COLLECT_SECONDS, trust_env=False) as client,
            client.stream("GET", url) as told,
        ):
            async for line in told.aiter_lines():
                if line.startswith("id:"):
                    identity = line[3:].strip()
                elif line.startswith("data:"):
                    ids[json.loads(line[5:]).get("i", 0)] = identity
                if last in ids:
                    return ids
    except TimeoutError as late:
        raise NotMeasured(f"the run's history had {len(ids)} events after {COLLECT_SECONDS:g} s") from late
    raise NotMeasured("the run's history ended before its last event")


@dataclass(frozen=True)
class Polls:
    """Status polls, every one of them answered 304."""

    pollers: int
    period: float
    per_second: float
    other_answers: float
    p50: float
    p99: float
    cores: float


async def measure_polls(harness: HubHarness, served: Served, period: float, pollers: int = POLLERS) -> Polls:
    """Pollers of some runs, each with the version it has."""
    paths = [f"/api/runs/{await harness.new_run()}/status" for _ in range(POLLED_RUNS)]
    options: dict[str, Any] = {"host": LOOPBACK, "port": served.port, "paths": paths, "pollers": pollers}
    began, spent = time.monotonic(), served.spent()
    async with program("pollers", options | {"period": period, "seconds": POLL_SECONDS}) as polling:
        figures = await polling.answer()
    cores = (served.spent() - spent) / (time.monotonic() - began)
    unchanged = figures["rates"].pop("304", 0.0)
    return Polls(pollers, period, unchanged, sum(figures["rates"].values()), figures["p50"], figures["p99"], cores)


@dataclass(frozen=True)
class Large:
    """One run of many conversations, watched by a few: what the gateway spends with and without their texts."""

    conversations: int
    clients: int
    facts_per_second: float
    texts_per_second: float
    cores_for_facts: float
    cores_for_both: float
    p99: float

    @property
    def ratio(self) -> float:
        return self.cores_for_both / self.cores_for_facts


async def measure_large(harness: HubHarness, served: Served) -> Large:
    """The same facts twice: alone, and while every conversation talks."""
    run = await harness.new_run(LARGE_CONVERSATIONS)
    facts = {"nats": harness.stack.nats_url, "channels": [channel(run, facts=True)], "rate": FACTS_A_SECOND}
    texts = facts | {
        "channels": [channel(run, index) for index in range(1, LARGE_CONVERSATIONS + 1)],
        "rate": TEXTS_A_SECOND,
        "seconds": 2 * LARGE_SECONDS,
    }
    group = served.group(run, LARGE_CLIENTS)
    async with program("readers", {"groups": [group], "lookOneIn": 1}) as readers:
        await readers.answer()
        async with program("publisher", facts | {"seconds": 3 * LARGE_SECONDS}):
            alone, _ = await _cores(served, readers)
            async with program("publisher", texts):
                both, figures = await _cores(served, readers)
    if figures["missing"]:
        raise NotMeasured(f"{figures['missing']} facts were missing")
    texts_a_second = LARGE_CONVERSATIONS * TEXTS_A_SECOND
    return Large(LARGE_CONVERSATIONS, LARGE_CLIENTS, FACTS_A_SECOND, texts_a_second, alone, both, figures["p99"])


async def _cores(served: Served, readers: Any) -> tuple[float, dict[str, Any]]:
    """Cores kept busy over some seconds, after one to warm up."""
    await asyncio.sleep(1.0)
    await readers.ask()
    began, spent = time.monotonic(), served.spent()
    await asyncio.sleep(LARGE_SECONDS)
    return (served.spent() - spent) / (time.monotonic() - began), await readers.ask()
