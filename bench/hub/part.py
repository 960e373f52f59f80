"""The hub's part of the bench: every case once, the servers that are compared side by side in time."""

from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from bench.hub.cases import (
    Idle,
    Large,
    Polls,
    Storm,
    measure_idle,
    measure_large,
    measure_polls,
    measure_storm,
)
from bench.hub.fan_out import Delivered, Load, measure_delivery
from bench.hub.harness import HubHarness, running_hub_harness
from bench.results import machine

SATURATING = Load(1, 1000, 400.0)
"""More than a queue per client carries on one core: what is delivered of it is what can be delivered."""
FAN_OUT = (Load(1, 100, 100.0), Load(1, 500, 100.0), Load(1, 1000, 100.0), SATURATING)
MANY_RUNS = Load(300, 1, 20.0)
IDLE = ((1, 2000), (2000, 1))
PERIODS = ((1.0, 200), (0.0, 32))

Say = Callable[[str], None]


@dataclass
class HubResults:
    """Everything this part has measured."""

    machine: dict[str, str] = field(default_factory=machine)
    delivered: list[Delivered] = field(default_factory=list)
    idle: list[Idle] = field(default_factory=list)
    storm: Storm | None = None
    polls: list[Polls] = field(default_factory=list)
    large: Large | None = None
    cores_busy: float = 0.0
    """Of the machine, over the whole part: what the bench's own processes leave, somebody else had."""


async def measure_hub(say: Say) -> HubResults:
    """All cases on one stack, each on a gateway that was just started."""
    results = HubResults()
    psutil.cpu_percent(percpu=True)
    async with running_hub_harness() as harness:
        for load in (*FAN_OUT, MANY_RUNS):
            await _compare(harness, load, results, say)
        for runs, clients in IDLE:
            async with harness.fresh_gateway() as gateway:
                results.idle.append(await measure_idle(harness, gateway, runs, clients))
                say(f"{results.idle[-1]}")
        async with harness.fresh_gateway() as gateway:
            results.storm = await measure_storm(harness, gateway)
            say(f"{results.storm}")
        for period, pollers in PERIODS:
            async with harness.fresh_gateway() as gateway:
                results.polls.append(await measure_polls(harness, gateway, period, pollers))
                say(f"{results.polls[-1]}")
        async with harness.fresh_gateway() as gateway:
            results.large = await measure_large(harness, gateway)
            say(f"{results.large}")
    results.cores_busy = sum(psutil.cpu_percent(percpu=True)) / 100
    return results


async def _compare(harness: HubHarness, load: Load, results: HubResults, say: Say) -> None:
    """The same load for the gateway and for what it is compared with; nchan where it is installed."""
    async with harness.fresh_gateway() as gateway:
        results.delivered.append(await measure_delivery(harness, gateway, load))
    say(f"{results.delivered[-1]}")
    async with harness.queues() as queues:
        results.delivered.append(await measure_delivery(harness, queues, load))
    say(f"{results.delivered[-1]}")
    async with harness.nchan() as nchan:
        if nchan is None:
            say("nginx with nchan is not installed: left out")
            return
        results.delivered.append(await measure_delivery(harness, nchan, load))
    say(f"{results.delivered[-1]}")
