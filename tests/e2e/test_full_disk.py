"""The broker's disk is full, and has room again: health says so meanwhile, and nobody has to do anything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
import pytest_asyncio
from nats.errors import TimeoutError as NatsTimeoutError

from e2e.own_stack import OwnStack, own_stack
from e2e.watching import new_agent, start_scale, until_ended
from shared.contracts import subjects
from support.small_disk import SmallDisk, small_disk

pytestmark = pytest.mark.asyncio(loop_scope="module")

PACE = ("--time-to-first-token", "0.1", "--tokens-per-second", "200")
SETTINGS = {
    "AGENTWARS_SILENCE_SECONDS": "6",
    "AGENTWARS_SILENCE_CHECK_SECONDS": "2",
    "AGENTWARS_SWEEP_PERIOD_SECONDS": "1",
}
SERVICES = ("gateway", "orchestrator", "llm-runner", "summarizer")
NOTICED_SECONDS = 20.0
HEALED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Cramped:
    """A stack whose broker has a small disk."""

    own_stack: OwnStack
    disk: SmallDisk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cramped]:
    folder = tmp_path_factory.mktemp("cramped")
    with small_disk(folder / "nats", 64) as disk:
        async with own_stack(folder, {}, PACE, SETTINGS) as running:
            yield Cramped(running, disk)


async def test_a_full_disk_that_has_room_again_needs_nobody(here: Cramped) -> None:
    stack, gateway = here.own_stack.stack, here.own_stack.gateways[0]
    agent = await new_agent(gateway)
    before = await start_scale(gateway, agentId=agent, runs=4, messageLimit=10, seed=31)
    broken = stack.process("nats-server").pid
    here.disk.fill()
    await _refuse(here.own_stack)
    await _until(here.own_stack, NOTICED_SECONDS, 503, "down")
    here.disk.free()
    await _until(here.own_stack, HEALED_SECONDS, 200, "healthy")
    assert stack.process("nats-server").pid != broken
    after = await start_scale(gateway, agentId=agent, runs=2, messageLimit=4, seed=32)
    for run_id in (before, after):
        assert (await until_ended(gateway, run_id))["status"] == "complete"
        await here.own_stack.assert_all(run_id)


async def test_a_disk_that_stays_full_over_a_restart_of_the_broker_needs_nobody_either(here: Cramped) -> None:
    stack, gateway = here.own_stack.stack, here.own_stack.gateways[0]
    await stack.ready(HEALED_SECONDS)
    before = await start_scale(gateway, runs=2, messageLimit=10, seed=33)
    broken = stack.process("nats-server").pid
    here.disk.fill()
    await _refuse(here.own_stack)
    async with asyncio.timeout(HEALED_SECONDS):
        while True:
            if stack.process("nats-server").pid != broken:
                break
            await asyncio.sleep(0.1)
    here.disk.free()
    await _until(here.own_stack, HEALED_SECONDS, 200, "healthy")
    assert (await until_ended(gateway, before))["status"] == "complete"
    await here.own_stack.assert_all(before)


async def _refuse(own_stack: OwnStack) -> None:
    """Until the stream of events confirms nothing any more: the bytes its last page has room for are used up."""
    stream = own_stack.client.jetstream(timeout=1.0)
    with suppress(NatsTimeoutError):
        while True:
            await stream.publish(subjects.events("nobody"), b"x" * 4000)


async def _until(own_stack: OwnStack, seconds: float, readiness: int, health: str) -> None:
    """Until every service and the health page say so."""
    async with asyncio.timeout(seconds):
        while True:
            # At once: each takes its time to say that the broker confirms nothing.
            said = set(await asyncio.gather(*(own_stack.readiness(name) for name in SERVICES)))
            shown = (await own_stack.gateways[0].get("/api/health")).json()
            if said == {readiness} and shown["status"] == health:
                return
            await asyncio.sleep(0.2)
