"""kill -9 of any one service during a run: it completes, and who watches has every fact once (E1, E2, E7)."""

import asyncio

import httpx
import pytest

from e2e.watching import facts_of, follow, new_agent, start_scale, transcript, until_ended
from local_stack.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVICES = ("gateway", "orchestrator", "llm-runner", "summarizer", "nats-server", "mongod")


@pytest.mark.parametrize("victim", SERVICES)
async def test_a_run_survives_the_death_of(victim: str, stack: Stack, gateways: list[httpx.AsyncClient]) -> None:
    run_id = await start_scale(gateways[1], runs=4, messageLimit=8, seed=3)
    watching = asyncio.create_task(follow(gateways, f"/api/scale/{run_id}/events"))
    await _until_half_way(gateways[1], run_id, reporting=victim == "summarizer")
    process = stack.process(victim)
    before = process.pid
    process.kill()
    status = await until_ended(gateways[1], run_id)
    events = await watching
    await stack.ready(60)
    assert process.pid != before
    assert (status["status"], status["completed"]) == ("complete", 4)
    facts = facts_of(events)
    assert len(set(facts)) == len(facts)
    assert facts[-1][0] == "run.ended"
    spoken = [identity for kind, identity in facts if kind == "message"]
    for index in range(1, 5):
        conversation = f"{run_id}-{index}"
        messages = await transcript(gateways[0], conversation)
        assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
        assert [one for one in spoken if one.startswith(f"{conversation}:")] == [
            f"{conversation}:{message['seq']}" for message in messages
        ]
    report = await gateways[0].get(f"/api/scale/{run_id}/report")
    assert report.json()["stats"]["total"] == 4


async def _until_half_way(gateway: httpx.AsyncClient, run_id: str, reporting: bool) -> None:
    """Some messages are there, others are being made; or, for the summarizer, the report is about to be written."""
    async with asyncio.timeout(30):
        while True:
            status = (await gateway.get(f"/api/scale/{run_id}/status")).json()
            spoken = await transcript(gateway, f"{run_id}-1") if status["startedAt"] else []
            if (status["progress"] >= 75) if reporting else (len(spoken) >= 2):
                return
            await asyncio.sleep(0.02)


async def test_a_start_is_accepted_while_the_broker_is_down(stack: Stack, gateways: list[httpx.AsyncClient]) -> None:
    agent = await new_agent(gateways[0])
    broker = stack.process("nats-server")
    broker.hold()
    try:
        run_id = await start_scale(gateways[0], agentId=agent, runs=1, messageLimit=2)
        assert (await gateways[0].get(f"/api/scale/{run_id}/status")).json()["status"] == "queued"
    finally:
        broker.start()
    status = await until_ended(gateways[0], run_id)
    assert status["status"] == "complete"


async def test_a_start_is_refused_soon_while_the_store_is_down(stack: Stack, gateways: list[httpx.AsyncClient]) -> None:
    accepted = await start_scale(gateways[0], runs=2, messageLimit=6)
    agent = await new_agent(gateways[0])
    store = stack.process("mongod")
    store.hold()
    try:
        async with asyncio.timeout(2):
            answer = await gateways[0].post("/api/scale/start", json={"agentId": agent})
        assert answer.status_code == 503
        assert answer.json()["error"] == "unavailable"
        assert int(answer.headers["Retry-After"]) >= 1
    finally:
        store.start()
    status = await until_ended(gateways[0], accepted)
    assert status["status"] == "complete"
