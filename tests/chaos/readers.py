"""Clients that watch a run: EventSource clients that drop and resume on either gateway, and pollers."""

import asyncio

import httpx

from chaos.chaos_log import Body, Listening, Polling
from chaos.patient_requests import Unanswered, ask
from chaos.system import System
from e2e.watching import FACTS, Event, identity, read_events

PAUSE_SECONDS = 0.3
MOST_CONNECTIONS = 2000


async def listen(system: System, run_id: str, listening: Listening) -> None:
    """Reads the run's events to their end (204), dropping the connection at random."""
    last: str | None = None
    while listening.connections < MOST_CONNECTIONS:
        listening.connections += 1
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        drop_after = system.random.choice([None, system.random.randint(1, 60)])
        try:
            path = f"/api/scale/{run_id}/events"
            async with system.gateway().stream("GET", path, headers=headers, timeout=40) as answer:
                if answer.status_code == httpx.codes.NO_CONTENT:
                    listening.complete = True
                    return
                if answer.status_code != httpx.codes.OK:
                    await answer.aread()
                    listening.surprises.append(f"event stream answered {answer.status_code}: {answer.text[:200]}")
                else:
                    last = await _read(answer, listening, last, drop_after)
        except httpx.TransportError:
            # Cut off, as an EventSource is: it comes again.
            pass
        await asyncio.sleep(PAUSE_SECONDS)
    listening.surprises.append(f"no end after {MOST_CONNECTIONS} connections")


async def _read(answer: httpx.Response, listening: Listening, last: str | None, drop_after: int | None) -> str | None:
    """Reads one connection; the id of its last event, also when it is cut off."""
    count = 0
    try:
        async for event in read_events(answer.aiter_lines()):
            last = event.id or last
            _note(event, listening)
            count += 1
            if drop_after is not None and count >= drop_after:
                break
    except httpx.TransportError:
        return last
    return last


def _note(event: Event, listening: Listening) -> None:
    if event.type in FACTS:
        listening.facts.append((event.type, identity(event.data)))
    if event.type == "message":
        listening.messages[event.data["conversationId"], event.data["seq"]] = event.data["sha256"]
    if event.type == "snapshot":
        listening.snapshots += 1


async def poll(system: System, run_id: str, total: int, polling: Polling) -> None:
    """Polls status and the messages of one conversation until the run has ended."""
    conversation = f"{run_id}-{system.random.randint(1, total)}"
    progress = 0
    while polling.final is None:
        try:
            status = await ask(system, "GET", f"/api/scale/{run_id}/status")
            await _messages(system, conversation, polling)
        except Unanswered as error:
            polling.surprises.append(str(error))
            return
        if status.status_code != httpx.codes.OK:
            polling.surprises.append(f"status answered {status.status_code}: {status.text[:200]}")
            return
        shown: Body = status.json()
        if shown["progress"] < progress:
            polling.surprises.append(f"progress went back from {progress} to {shown['progress']}")
        progress = shown["progress"]
        if shown["terminal"]:
            await _messages(system, conversation, polling)
            polling.final = shown
        await asyncio.sleep(system.random.uniform(0.5, 1.5))


async def _messages(system: System, conversation: str, polling: Polling) -> None:
    since = max((seq for _, seq in polling.messages), default=0)
    answer = await ask(system, "GET", f"/api/conversations/{conversation}/messages?sinceSeq={since}")
    if answer.status_code != httpx.codes.OK:
        if answer.status_code != httpx.codes.NOT_FOUND or since:  # not begun yet
            polling.surprises.append(f"messages answered {answer.status_code}: {answer.text[:200]}")
        return
    for message in answer.json()["messages"]:
        if message["seq"] != since + 1:
            polling.surprises.append(f"{conversation} showed message {message['seq']} after {since}")
        since = message["seq"]
        polling.messages[conversation, since] = message["content"]
