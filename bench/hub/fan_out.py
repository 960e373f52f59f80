"""One run to many clients, and many runs with one client each: how much is delivered, how late, at what cost."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from bench.hub.harness import HubHarness, Served, channel, program

WARM_UP_SECONDS: Final = 2.0
SECONDS: Final = 6.0
SETTLE_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Load:
    """Runs with clients each, told at a rate a second."""

    runs: int
    clients: int
    rate: float

    @property
    def wanted(self) -> float:
        """Events a second over all clients."""
        return self.runs * self.clients * self.rate


@dataclass(frozen=True)
class Delivered:
    """What one server made of a load. Milliseconds from telling to reading; processor time of the server alone."""

    server: str
    load: Load
    per_second: float
    p50: float
    p99: float
    most: float
    cores: float
    kilobytes_per_client: float
    missing: int
    closed: int

    @property
    def microseconds_per_event(self) -> float:
        return self.cores / self.per_second * 1e6 if self.per_second else 0.0


async def measure_delivery(harness: HubHarness, served: Served, load: Load) -> Delivered:
    """Clients first, then events; what is counted begins after a warm-up."""
    runs = [await harness.new_run() for _ in range(load.runs)]
    before = served.resident()
    groups = [served.group(run, load.clients) for run in runs]
    one_in = max(1, load.clients * load.runs // 50)
    async with program("readers", {"groups": groups, "lookOneIn": one_in}) as readers:
        await readers.answer()
        await asyncio.sleep(SETTLE_SECONDS)
        connected = served.resident()
        telling = _telling(harness, served) | {
            "channels": [channel(run) for run in runs],
            "rate": load.rate,
            "seconds": WARM_UP_SECONDS + SECONDS + SETTLE_SECONDS,
        }
        async with program("publisher", telling) as publisher:
            figures, cores = await _counted(served, readers)
            await publisher.answer()
    return Delivered(
        server=served.name,
        load=load,
        per_second=figures["events"] / figures["took"],
        p50=figures["p50"],
        p99=figures["p99"],
        most=figures["most"],
        cores=cores,
        kilobytes_per_client=(connected - before) / 1000 / (load.clients * load.runs),
        missing=figures["missing"],
        closed=figures["closed"],
    )


async def _counted(served: Served, readers: Any) -> tuple[dict[str, Any], float]:
    """The figures of the seconds after the warm-up, and the cores the server kept busy."""
    await asyncio.sleep(WARM_UP_SECONDS)
    await readers.ask()
    began, spent = time.monotonic(), served.spent()
    await asyncio.sleep(SECONDS)
    figures = await readers.ask()
    took = time.monotonic() - began
    return figures | {"took": took}, (served.spent() - spent) / took


def _telling(harness: HubHarness, served: Served) -> dict[str, Any]:
    return {"nchan": ["127.0.0.1", served.port]} if served.name == "nchan" else {"nats": harness.stack.nats_url}
