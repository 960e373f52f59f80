"""Event streams as httpx-sse reads them: a battle's events and its status, and a chat with line ends of Unicode."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import uuid4

import httpx
from httpx_sse import ServerSentEvent, aconnect_sse

Body = dict[str, Any]
SECONDS = 30.0
# Python's `splitlines` ends a line at each of them, the standard of event streams at none.
QUESTION = "Please count to 5\u2028in words\u2029or in digits\u0085."
ANSWER = "1 2 3 4 5"


async def read_with_httpx_sse(gateway: str) -> None:
    """Raises AssertionError where an event is missing, or where what it holds is not what was said."""
    async with httpx.AsyncClient(base_url=gateway, timeout=SECONDS) as client:
        async with asyncio.timeout(SECONDS):
            await _battle(client)
        async with asyncio.timeout(SECONDS):
            await _chat(client)


async def _battle(client: httpx.AsyncClient) -> None:
    agent = await _posted(client, "/api/agents", {"name": "Kettle", "systemPrompt": "Be brief.", "model": "demo-fast"})
    asked = {"agentId": agent["id"], "goal": "The agent asks for the order number.", "messageLimit": 4, "seed": 5}
    run = f"/api/runs/{(await _posted(client, '/api/battles/start', asked))['runId']}"
    events, statuses = await asyncio.gather(_all(client, "GET", f"{run}/events"), _all(client, "GET", f"{run}/status"))
    _assert_objects(events)
    assert (events[0].event, events[-1].event) == ("run.started", "run.ended")
    # Read once more as bytes, now that nothing is added.
    lines = (await client.get(f"{run}/events")).content.split(b"\n")
    assert [f"id: {event.id}".encode() for event in events] == [line for line in lines if line.startswith(b"id: ")]
    _assert_objects(statuses)
    status = (await client.get(f"{run}/status")).json()
    assert status["terminal"]
    assert statuses[-1].json() == status


async def _chat(client: httpx.AsyncClient) -> None:
    chat = str(uuid4())
    asked = {"id": chat, "model": "demo-fast", "message": QUESTION}
    answer = await _all(client, "POST", "/api/chat/sse", asked)
    assert answer.pop().data == "[DONE]"
    _assert_objects(answer)
    assert "".join(event.json()["content"] for event in answer) == ANSWER
    run = (await client.get(f"/api/chat/{chat}")).raise_for_status().json()["id"]
    # A chat does not end: its events are read as far as the answer.
    events = []
    async for event in _read(client, "GET", f"/api/runs/{run}/events", params={"types": "message"}):
        events.append(event)
        if len(events) == 2:
            break
    _assert_objects(events)
    assert [event.json()["content"] for event in events] == [QUESTION, ANSWER]


async def _posted(client: httpx.AsyncClient, path: str, body: Body) -> Body:
    return dict((await client.post(path, json=body)).raise_for_status().json())


async def _read(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    body: Body | None = None,
    params: Mapping[str, str] | None = None,
) -> AsyncIterator[ServerSentEvent]:
    async with aconnect_sse(client, method, path, json=body, params=params) as source:
        source.response.raise_for_status()
        async for event in source.aiter_sse():
            yield event


async def _all(client: httpx.AsyncClient, method: str, path: str, body: Body | None = None) -> list[ServerSentEvent]:
    return [event async for event in _read(client, method, path, body)]


def _assert_objects(events: list[ServerSentEvent]) -> None:
    """None is empty: the head of a stream and its heartbeats are no events."""
    assert events
    assert all(isinstance(json.loads(event.data), dict) for event in events)
