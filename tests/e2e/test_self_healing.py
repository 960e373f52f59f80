"""What the stack needs goes away or is taken away: it says so, does not spin, and goes on by itself when it can."""

import asyncio
import shutil
from collections.abc import AsyncIterator

import nats
import pytest
import pytest_asyncio
from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import Error as JetStreamError

from e2e.own_stack import OwnStack, own_stack
from e2e.watching import facts_of, follow, new_agent, start_scale, transcript, until_ended
from invariants import assert_at_rest, assert_one_result_a_generation, assert_transcripts_whole
from shared.contracts import subjects
from shared.contracts.enums import Lane

pytestmark = pytest.mark.asyncio(loop_scope="module")

PACE = ("--time-to-first-token", "0.2", "--tokens-per-second", "80")
# Silence is noticed within seconds here, not after the longest turn there may be.
SETTINGS = {
    "AGENTWARS_SILENCE_SECONDS": "6",
    "AGENTWARS_SILENCE_CHECK_SECONDS": "2",
    "AGENTWARS_SWEEP_PERIOD_SECONDS": "1",
    "AGENTWARS_EVENTS_MAX_BYTES": str(4 * 1024**2),
}
AWAY_SECONDS = 20.0
SERVICES = ("gateway", "orchestrator", "llm-runner", "summarizer")
BUSY = 0.5
"""Share of a core: a loop that spins takes a whole one."""
DURABLES = (subjects.ORCHESTRATOR_DONE, subjects.lane_durable("demo", Lane.BATCH), subjects.SUMMARIZER_DONE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnStack]:
    async with own_stack(tmp_path_factory.mktemp("healing"), {}, PACE, SETTINGS) as running:
        yield running


@pytest.mark.parametrize("server", ["nats-server", "mongod"])
async def test_a_server_may_be_gone_for_a_while(server: str, here: OwnStack) -> None:
    await here.stack.ready(60)
    run_id = await _half_way(here, 21)
    pids = {name: here.stack.process(name).pid for name in SERVICES}
    process = here.stack.process(server)
    process.hold()
    try:
        await _until_readiness(here, 503)
        share, name = await here.busiest(AWAY_SECONDS)
        assert share < BUSY, f"{name} took {share:.0%} of a core while {server} was away"
        assert {name: await here.readiness(name) for name in SERVICES} == dict.fromkeys(SERVICES, 503)
    finally:
        process.start()
    await here.stack.ready(60)
    assert (await until_ended(here.gateways[0], run_id))["status"] == "complete"
    assert {name: here.stack.process(name).pid for name in SERVICES} == pids
    await here.assert_all(run_id)


async def test_an_absence_of_the_broker_is_two_lines_in_a_log(here: OwnStack) -> None:
    """Runs after the broker was away: every worker said when it went and when it came."""
    for name in SERVICES:
        log = here.stack.process(name).log.read_text()
        assert log.count("broker error") <= log.count("broker disconnected") + 1
        assert log.count("broker reconnected") >= 1


@pytest.mark.parametrize("durable", DURABLES)
async def test_a_durable_that_is_deleted_is_made_again(durable: str, here: OwnStack) -> None:
    await here.stack.ready(60)
    run_id = await _half_way(here, 22)
    await here.client.jetstream().delete_consumer(subjects.WORK, durable)
    share, name = await here.busiest(2.0)
    assert share < 2 * BUSY, f"{name} took {share:.0%} of a core without {durable}"
    assert (await until_ended(here.gateways[0], run_id))["status"] == "complete"
    await here.assert_all(run_id)


async def test_a_work_queue_that_is_lost_is_made_again_and_its_work_found(here: OwnStack) -> None:
    await here.stack.ready(60)
    run_id = await _half_way(here, 23)
    await here.client.jetstream().delete_stream(subjects.WORK)
    assert (await until_ended(here.gateways[0], run_id))["status"] == "complete"
    await here.assert_all(run_id)


async def test_a_lost_jetstream_store_is_made_again_and_runs_complete(here: OwnStack) -> None:
    """The events of the past are lost with it: the transcripts are not."""
    await here.stack.ready(60)
    run_id = await _half_way(here, 24)
    broker = here.stack.process("nats-server")
    broker.hold()
    shutil.rmtree(here.stack.data_dir / "nats" / "jetstream")
    broker.start()
    assert (await until_ended(here.gateways[0], run_id))["status"] == "complete"
    await here.stack.ready(60)
    await here.at_rest(run_id)
    await assert_transcripts_whole(here.witness, run_id)
    await assert_one_result_a_generation(here.witness, run_id)
    await assert_at_rest(here.witness, run_id)
    told = facts_of(await follow(here.gateways, f"/api/scale/{run_id}/events"))
    assert told[-1:] == [("run.ended", run_id)] or told == []


async def test_a_full_file_store_refuses_and_nothing_is_lost(here: OwnStack) -> None:
    await here.stack.ready(60)
    agent = await new_agent(here.gateways[0])
    await _limit_store(here, "16MB")
    filler = here.client.jetstream(timeout=5)
    await filler.add_stream(StreamConfig(name="FILLER", subjects=["filler"]))
    before = await _half_way(here, 25)
    with pytest.raises((JetStreamError, nats.errors.TimeoutError)):
        await _publish_for_ever(filler)
    meanwhile = await start_scale(here.gateways[0], agentId=agent, runs=2, messageLimit=4, seed=26)
    share, name = await here.busiest(4.0)
    assert share < BUSY, f"{name} took {share:.0%} of a core while the file store was full"
    assert (await here.gateways[0].get(f"/api/scale/{meanwhile}/status")).json()["status"] == "queued"
    assert not (await here.gateways[0].get(f"/api/scale/{before}/status")).json()["terminal"]
    await filler.delete_stream("FILLER")
    for run_id in (before, meanwhile):
        assert (await until_ended(here.gateways[0], run_id))["status"] == "complete"
        await here.assert_all(run_id)


async def _publish_for_ever(stream: JetStreamContext) -> None:
    while True:
        await stream.publish("filler", b"x" * 500_000)


async def _half_way(here: OwnStack, seed: int) -> str:
    """Starts a run and returns when its conversations speak."""
    run_id = await start_scale(here.gateways[0], runs=4, messageLimit=10, seed=seed)
    async with asyncio.timeout(60):
        while True:
            if len(await transcript(here.gateways[0], f"{run_id}-1")) >= 2:
                return run_id
            await asyncio.sleep(0.05)


async def _until_readiness(here: OwnStack, status: int) -> None:
    async with asyncio.timeout(15):
        while True:
            if {await here.readiness(name) for name in SERVICES} == {status}:
                return
            await asyncio.sleep(0.05)


async def _limit_store(here: OwnStack, size: str) -> None:
    """Starts the broker anew with so small a file store."""
    broker = here.stack.process("nats-server")
    configuration = here.stack.data_dir / "nats" / "nats-server.conf"
    broker.hold()
    configuration.write_text(configuration.read_text().replace("32GB", size))
    broker.start()
    await here.stack.ready(60)
