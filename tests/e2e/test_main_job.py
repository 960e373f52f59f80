"""The main job through the whole stack: a scale test, watched every way, ends with a report."""

import asyncio
import json

import httpx
import nats
import pytest
from nats.aio.msg import Msg

from e2e.watching import (
    FACTS,
    Body,
    facts_of,
    follow,
    identity,
    new_agent,
    start_scale,
    transcript,
    until_ended,
)
from local_stack.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_scale_test_ends_with_a_report(gateways: list[httpx.AsyncClient]) -> None:
    gateway = gateways[0]
    agent = await new_agent(gateway, "You are a helpful assistant.")
    run_id = await start_scale(gateway, agentId=agent, runs=5, personas=["refund-request"], seed=7)
    status = await until_ended(gateway, run_id)
    assert (status["status"], status["progress"], status["completed"], status["failed"]) == ("complete", 100, 5, 0)
    report = (await gateway.get(f"/api/scale/{run_id}/report")).json()
    stats = report["stats"]
    assert report["status"] == "ready"
    assert stats["total"] == stats["succeeded"] + stats["unsuccessful"] == 5
    low, high = stats["successInterval"]
    assert low <= stats["successRate"] <= high
    assert stats["succeeded"] < 5
    assert report["failureModes"]
    assert report["revisedPrompt"].startswith("You are a helpful assistant.")
    for mode in report["failureModes"]:
        for evidence in mode["evidence"]:
            said = {m["seq"]: m["content"] for m in await transcript(gateway, evidence["conversationId"])}
            assert evidence["quote"] in said[evidence["seq"]]


async def test_every_conversation_alternates_and_is_contiguous(gateways: list[httpx.AsyncClient]) -> None:
    run_id = await start_scale(gateways[0], runs=3)
    await until_ended(gateways[0], run_id)
    for index in range(1, 4):
        messages = await transcript(gateways[1], f"{run_id}-{index}")
        assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
        sides = [message["side"] for message in messages]
        assert sides == ["opponent" if seq % 2 else "agent" for seq in range(1, len(messages) + 1)]
        assert all(message["content"] for message in messages)


async def test_every_way_of_watching_tells_the_same_story(stack: Stack, gateways: list[httpx.AsyncClient]) -> None:
    heard: list[Body] = []

    async def hear(message: Msg) -> None:
        if message.subject.endswith(".events"):
            heard.append(json.loads(message.data))

    listener = await nats.connect(stack.nats_url)
    await listener.subscribe("ev.>", cb=hear)
    await listener.flush()
    run_id = await start_scale(gateways[0], runs=3)
    events, statuses, polled = await asyncio.gather(
        follow([gateways[0]], f"/api/scale/{run_id}/events"),
        follow([gateways[1]], f"/api/scale/{run_id}/status"),
        until_ended(gateways[1], run_id),
    )
    await listener.close()
    raw = [(one["type"], identity(one)) for one in heard if one["runId"] == run_id and one["type"] in FACTS]
    assert facts_of(events) == raw
    assert len(set(raw)) == len(raw)
    assert raw[0][0] == "run.started"
    assert raw[-1][0] == "run.ended"
    # Where `run.ended` stands is known a moment after the status that it tells.
    ended = {"eventSequence": max(statuses[-1].data["eventSequence"], polled["eventSequence"])}
    assert statuses[-1].data | ended == polled | ended
    assert {name: polled[name] for name in ("status", "completed", "failed")} == {
        name: events[-1].data[name] for name in ("status", "completed", "failed")
    }
    progress = [status.data["progress"] for status in statuses]
    assert progress == sorted(progress)
    await _messages_match(gateways[1], events)


async def _messages_match(gateway: httpx.AsyncClient, events: list) -> None:  # type: ignore[type-arg]
    streamed = {identity(event.data): event.data["content"] for event in events if event.type == "message"}
    conversations = {event.data["conversationId"] for event in events if event.type == "message"}
    polled = {
        f"{conversation}:{message['seq']}": message["content"]
        for conversation in conversations
        for message in await transcript(gateway, conversation)
    }
    assert streamed == polled


async def test_deltas_add_up_to_their_message(gateways: list[httpx.AsyncClient]) -> None:
    run_id = await start_scale(gateways[0], runs=1)
    events = await follow([gateways[0]], f"/api/scale/{run_id}/events")
    texts: dict[tuple[str, str], str] = {}
    for event in events:
        if event.type == "delta":
            key = (event.data["conversationId"], event.data["attempt"])
            texts[key] = texts.get(key, "") + event.data["text"]
    messages = [event.data for event in events if event.type == "message" and event.data["attempt"]]
    assert messages
    for message in messages:
        assert texts[(message["conversationId"], message["attempt"])] == message["content"]


async def test_a_client_that_drops_at_every_event_gets_each_fact_once(gateways: list[httpx.AsyncClient]) -> None:
    run_id = await start_scale(gateways[0], runs=1, messageLimit=4)
    await until_ended(gateways[0], run_id)
    whole = await follow([gateways[0]], f"/api/scale/{run_id}/events")
    dropping = await follow(gateways, f"/api/scale/{run_id}/events", drop_after=1)
    assert [event.id for event in dropping] == [event.id for event in whole]


async def test_two_gateways_start_one_run_for_one_key(gateways: list[httpx.AsyncClient]) -> None:
    agent = await new_agent(gateways[0])
    body = {"agentId": agent, "runs": 1, "messageLimit": 2}
    answers = await asyncio.gather(
        *(
            gateways[i % 2].post("/api/scale/start", json=body, headers={"Idempotency-Key": "once-only"})
            for i in range(6)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [202]
    assert len({answer.json()["runId"] for answer in answers}) == 1


async def test_a_cancelled_run_ends_with_statistics(gateways: list[httpx.AsyncClient]) -> None:
    run_id = await start_scale(gateways[0], runs=5, concurrency=2)
    answer = await gateways[1].post(f"/api/scale/{run_id}/cancel")
    assert answer.status_code == 202
    status = await until_ended(gateways[0], run_id)
    assert status["status"] == "canceled"
    report = (await gateways[0].get(f"/api/scale/{run_id}/report")).json()
    assert (report["status"], report["reason"]) == ("unavailable", "canceled")
    assert report["stats"]["total"] == 5


async def test_an_assist_streams_tokens_and_ends(gateways: list[httpx.AsyncClient]) -> None:
    body = {"step": "brief", "input": "A support agent for a kettle shop", "context": {"goal": "refunds"}}
    async with gateways[0].stream("POST", "/api/promptbro/assist", json=body, timeout=30) as answer:
        assert answer.status_code == 200
        lines = [line async for line in answer.aiter_lines()]
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert names[:-1] == ["token"] * (len(names) - 1)
    assert names[-1] == "done"
    assert "".join(part["token"] for part in data[:-1]) == data[-1]["text"]
