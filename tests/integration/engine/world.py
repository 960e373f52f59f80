"""The real orchestrator and the real llm-runner together, on servers of a test's own, with the demo model below."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from integration.llm_runner.world import World, world
from integration.orchestrator.stage import Stage, stage
from orchestrator.settings import OrchestratorSettings
from shared.cancellation import cancel_all
from shared.settings import NatsSettings
from shared.topology.bootstrap import bootstrap

SWEEP_SECONDS = 0.2
SWEEPING = OrchestratorSettings(sweep_period_seconds=SWEEP_SECONDS, silence_check_seconds=0)


@dataclass
class Engine:
    """`world` holds servers and demo model, `stage` plays runs; a runner works once one is asked for."""

    world: World
    stage: Stage


async def limit(of: World, concurrency: int, live: int = 1) -> None:
    """What an operator does to change a provider's concurrency: a new registry, and the bootstrap once more."""
    changed = of.registry.providers["demo"].model_copy(update={"concurrency": concurrency, "live_concurrency": live})
    of.registry = of.registry.model_copy(update={"providers": {"demo": changed}})
    await bootstrap(of.client, of.store, NatsSettings(nats_url=of.nats_url), of.registry)


@asynccontextmanager
async def engine_on(nats_url: str, mongo_url: str, sweeps: bool = False) -> AsyncIterator[Engine]:
    """Everything but runners: they are the test's to start, `engine.world.runner()`. `sweeps`: often, for deadlines."""
    async with (
        world(nats_url, mongo_url) as made,
        stage(made.store, made.client, providers=made.registry, settings=SWEEPING) as played,
        played.playing(runner=False),
    ):
        sweeping = asyncio.create_task(_sweep(played) if sweeps else asyncio.sleep(0))
        try:
            yield Engine(made, played)
        finally:
            assert await cancel_all([sweeping])


async def _sweep(played: Stage) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        await played.sweeper.sweep()


def most_at_once(calls: list[dict[str, Any]]) -> int:
    """How many of a ledger's calls were in flight at one moment at most."""
    moments = [(call["startedAt"], 1) for call in calls] + [(call["endedAt"], -1) for call in calls]
    in_flight = most = 0
    for _, change in sorted(moments):
        in_flight += change
        most = max(most, in_flight)
    return most
