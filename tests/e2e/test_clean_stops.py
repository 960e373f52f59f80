"""SIGTERM under load: what a process holds ends or goes to others at once, and who watches sees reconnects at most."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from e2e.own_stack import Moments, OwnStack, end, own_stack
from e2e.watching import facts_of, follow, start_scale, transcript, until_ended
from shared.contracts import subjects
from shared.contracts.enums import Lane
from shared.messaging import history
from shared.topology.streams import ACK_WAIT_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

PACE = ("--time-to-first-token", "0.3", "--tokens-per-second", "60")
REPLICAS = {"gateway": 2, "orchestrator": 2, "llm-runner": 2}
STOPS = {"summarizer": 6.0, "gateway": 4.0, "orchestrator": 6.0, "llm-runner": 12.0}
"""Seconds within which each leaves, in the order in which they are restarted."""
DURABLES = {
    "orchestrator": (subjects.ORCHESTRATOR_COMMANDS, subjects.ORCHESTRATOR_DONE),
    "llm-runner": tuple(subjects.lane_durable("demo", lane) for lane in Lane),
    "summarizer": (subjects.SUMMARIZER_REPORTS, subjects.SUMMARIZER_DONE),
}
GIVEN_BACK_SECONDS = ACK_WAIT_SECONDS / 3
"""A process gives a sign of life so often: what it left behind comes not before twice that after its end."""
LONGEST_GAP_SECONDS = ACK_WAIT_SECONDS
"""What was left behind by a process that stopped would come again only after this."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnStack]:
    async with own_stack(tmp_path_factory.mktemp("stops"), REPLICAS, PACE) as running:
        yield running


@pytest.mark.parametrize("service", list(DURABLES))
async def test_a_service_that_stops_leaves_nothing_to_wait_for(service: str, here: OwnStack) -> None:
    # A judged run has a report that models write: the summarizer has work for some seconds.
    run_id = await start_scale(here.gateways[0], runs=8, messageLimit=6, seed=11, goal="A refund")
    await _speaking(here, run_id, 75 if service == "summarizer" else 0)
    replicas = [here.stack.process(service, index) for index in range(REPLICAS.get(service, 1))]
    await asyncio.gather(*(end(process, STOPS[service]) for process in replicas))
    for durable in DURABLES[service]:
        await _take_what_was_given_back(here, durable)
    before = await _position(here, run_id)
    for process in replicas:
        process.start()
    await here.stack.ready(60)
    began = time.monotonic()
    await _moved(here, run_id, before)
    assert time.monotonic() - began < LONGEST_GAP_SECONDS
    assert (await until_ended(here.gateways[0], run_id))["status"] == "complete"
    assert await here.store.usage.of_run(run_id) == []
    await here.assert_all(run_id)


async def test_a_stream_ends_with_advice_and_goes_on_elsewhere(here: OwnStack) -> None:
    run_id = await start_scale(here.gateways[1], runs=4, messageLimit=6, seed=12)
    path = f"/api/scale/{run_id}/events"
    elsewhere = asyncio.create_task(follow(here.gateways, path))
    first = here.stack.process("gateway", 0)
    async with here.gateways[0].stream("GET", path, headers={"Accept": "text/event-stream"}) as answer:
        reading = asyncio.create_task(_lines(answer))
        await _speaking(here, run_id)
        took = await end(first, STOPS["gateway"])
        lines = await reading
    first.start()
    assert took < STOPS["gateway"]
    advice, reason = [line for line in lines if line][-2:]
    assert advice.startswith("retry:")
    assert "going down" in reason
    facts = facts_of(await elsewhere)
    assert len(set(facts)) == len(facts)
    assert facts[-1][0] == "run.ended"
    await here.assert_all(run_id)


async def test_a_rolling_restart_of_everything_is_invisible(here: OwnStack) -> None:
    await here.stack.ready(60)
    restarted = asyncio.Event()
    watching = asyncio.create_task(_watched_runs(here, restarted))
    for service, seconds in STOPS.items():
        for index in range(REPLICAS.get(service, 1)):
            process = here.stack.process(service, index)
            await end(process, seconds)
            process.start()
            await here.stack.ready(60)
    restarted.set()
    for run_id, facts, moments in await watching:
        assert len(set(facts)) == len(facts)
        assert facts[-1] == ("run.ended", run_id)
        gap, between = moments.longest_gap
        assert gap < LONGEST_GAP_SECONDS, between
        assert await here.store.usage.of_run(run_id) == []
        await here.assert_all(run_id)


async def _watched_runs(here: OwnStack, enough: asyncio.Event) -> list[tuple[str, list[tuple[str, str]], Moments]]:
    """One run after the other, each with its facts as they came to somebody who followed it."""
    seen = []
    while not enough.is_set():
        run_id, moments = await _started(here), Moments()
        events = await follow(here.gateways, f"/api/scale/{run_id}/events", note=moments.note)
        seen.append((run_id, facts_of(events), moments))
    return seen


async def _started(here: OwnStack) -> str:
    """A run that whichever gateway is there has accepted."""
    async with asyncio.timeout(60):
        while True:
            for gateway in here.gateways:
                try:
                    return await start_scale(gateway, runs=6, messageLimit=10, seed=13)
                except httpx.TransportError:
                    # It is being restarted: the other one is there.
                    await asyncio.sleep(0.1)


async def _speaking(here: OwnStack, run_id: str, progress: int = 0) -> None:
    """Returns when the run has messages, and that much progress."""
    async with asyncio.timeout(60):
        while True:
            status = (await here.gateways[1].get(f"/api/scale/{run_id}/status")).json()
            begun = status["progress"] >= progress and status["startedAt"]
            if begun and len(await transcript(here.gateways[1], f"{run_id}-1")) >= 2:
                return
            await asyncio.sleep(0.02)


async def _take_what_was_given_back(here: OwnStack, durable: str) -> None:
    """Takes all that is not settled, and gives it back: what was left behind would come only after ack_wait."""
    held = await here.in_hand(durable)
    if not held:
        return
    queue = await here.client.jetstream().pull_subscribe_bind(durable, subjects.WORK)
    taken = await queue.fetch(held, timeout=GIVEN_BACK_SECONDS)
    assert [message.metadata.num_delivered > 1 for message in taken] == [True] * held
    for message in taken:
        await message.nak()
    await queue.unsubscribe()


async def _moved(here: OwnStack, run_id: str, before: int) -> None:
    """Returns once there is another event of the run than there was."""
    async with asyncio.timeout(60):
        while True:
            if await _position(here, run_id) > before:
                return
            await asyncio.sleep(0.02)


async def _position(here: OwnStack, run_id: str) -> int:
    return await history.last_sequence(here.client, subjects.RUN_EVENTS, subjects.events(run_id))


async def _lines(answer: httpx.Response) -> list[str]:
    """Everything until the server ends the stream properly."""
    return [line async for line in answer.aiter_lines()]
