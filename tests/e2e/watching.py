"""Ways to start a run and to watch it, as a client would."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

Body = dict[str, Any]
FACTS = frozenset({"run.started", "message", "judgement", "conversation.ended", "report.ready", "run.ended"})
RUN_SECONDS = 90
GOOD_PROMPT = (
    "You are the support agent of Kettle & Co. Ask for the order number and for every detail you need. Confirm "
    "explicitly what was done, give a reference number and state a time frame. Offer concrete slots and confirm the "
    "one chosen. Explain step by step and ask whether it works now. Be polite."
)


@dataclass
class Event:
    """One SSE event."""

    id: str | None = None
    type: str = "message"
    data: Body = field(default_factory=dict)


async def new_agent(gateway: httpx.AsyncClient, prompt: str = GOOD_PROMPT) -> str:
    body = {"name": "Kettle & Co", "systemPrompt": prompt, "provider": "demo", "model": "demo-standard"}
    answer = await gateway.post("/api/agents", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def start_scale(gateway: httpx.AsyncClient, **body: Any) -> str:
    """Starts a scale test of some agent and returns its run id."""
    agent = body.pop("agentId", None) or await new_agent(gateway)
    answer = await gateway.post("/api/scale/start", json={"agentId": agent, "messageLimit": 8} | body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["runId"])


async def until_ended(gateway: httpx.AsyncClient, run_id: str, seconds: float = RUN_SECONDS) -> Body:
    """Polls the status until it is terminal, and returns it. A gateway that is away is asked again."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                answer = await gateway.get(f"/api/runs/{run_id}/status")
                if answer.status_code == 200 and answer.json()["terminal"]:
                    return dict(answer.json())
            except httpx.TransportError:
                # The gateway was killed: its supervisor starts it again.
                await asyncio.sleep(0.2)
            await asyncio.sleep(0.1)


async def read_events(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    """Parses an event stream (HTML standard, section 9.2.6); an event the end cuts off is dropped."""
    event, data = Event(), ""
    async for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                event.data = json.loads(data)
                yield event
            event, data = Event(), ""
        elif name == "id":
            event.id = value
        elif name == "event":
            event.type = value
        elif name == "data":
            data += value


async def follow(
    gateways: list[httpx.AsyncClient],
    path: str,
    seconds: float = RUN_SECONDS,
    drop_after: int | None = None,
    note: Callable[[Event], None] | None = None,
) -> list[Event]:
    """Everything an EventSource would get: reconnects with its last id, on the next gateway, until 204.

    `drop_after` drops the connection by itself after so many events; `note` is told of each event as it comes.
    """
    seen: list[Event] = []
    last: str | None = None
    connections = 0
    async with asyncio.timeout(seconds):
        while True:
            gateway = gateways[connections % len(gateways)]
            connections += 1
            headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
            try:
                async with gateway.stream("GET", path, headers=headers) as answer:
                    if answer.status_code == 204:
                        return seen
                    assert answer.status_code == 200, answer.status_code
                    fresh = 0
                    async for event in read_events(answer.aiter_lines()):
                        seen.append(event)
                        if note is not None:
                            note(event)
                        last = event.id or last
                        fresh += 1
                        if drop_after is not None and fresh >= drop_after:
                            break
            except httpx.TransportError:
                # Cut off: an EventSource reconnects after a while.
                await asyncio.sleep(0.1)


def facts_of(events: list[Event]) -> list[tuple[str, str]]:
    """(type, identity) of every fact, in order."""
    return [(event.type, identity(event.data)) for event in events if event.type in FACTS]


def identity(data: Body) -> str:
    """What names a fact, whatever way it came."""
    parts = (data.get("conversationId") or data.get("runId"), data.get("seq"), data.get("stage"))
    return ":".join(str(part) for part in parts if part is not None)


async def transcript(gateway: httpx.AsyncClient, conversation: str) -> list[Body]:
    """All messages of a conversation by polling, page after page."""
    messages: list[Body] = []
    while True:
        since = messages[-1]["seq"] if messages else 0
        answer = await gateway.get(f"/api/conversations/{conversation}/messages", params={"sinceSeq": since})
        assert answer.status_code == 200, answer.text
        messages += answer.json()["messages"]
        if not answer.json()["hasMore"]:
            return messages


async def ended_call(demo: httpx.AsyncClient, since: int) -> Body:
    """The first call of a ledger, once it has ended."""
    while True:
        calls: list[Body] = (await demo.get(f"/ledger?since={since}")).json()["calls"]
        if calls and calls[0]["endedAt"] is not None:
            return calls[0]
        await asyncio.sleep(0.2)
