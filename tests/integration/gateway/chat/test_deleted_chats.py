"""After the 204 of a delete nobody is shown anything of the chat, by any gateway, and the broker has nothing of it."""

import asyncio
from datetime import UTC, datetime

from gateway.chat.service import ChatService
from shared.contracts import subjects
from shared.contracts.enums import Purpose, RunStatus, Wanted
from shared.contracts.events import ControlChanged, RunEnded
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Failure, Usage
from shared.contracts.work import DeadLetter, GenerationRequested, MemoryRequested
from shared.messaging import history
from shared.messaging.publisher import Publisher
from support.builders import ANYBODY
from support.eventually import eventually
from support.gateway.chat_answers import CHAT, asked, said
from support.gateway.environment import Environment
from support.gateway.instance import Instance

SECRET = "secret 4711"
READS = (
    *(f"/api/{folder}/{{}}/{what}" for folder in ("runs", "battles") for what in ("status", "events", "conversations")),
    *(f"/api/{folder}/{{}}/messages" for folder in ("conversations", "runs")),
    *("/api/stream/{}", "/api/jobs/{}/stream", "/api/runs/{}/report", f"{CHAT}/{{}}", "/api/llm?sid={}"),
)


async def begun(here: Environment, chat: str = "chat-1", words: str = SECRET, gateway: int = 0) -> Run:
    """A chat with one answer."""
    asking = asyncio.create_task(here.chats.ask(asked(said(words), chat=chat), gateway))
    await (await here.chats.engine(chat)).whole(f"{words}, yes.")
    await asking
    return await here.chats.run(chat)


async def served_by_both(here: Environment) -> Run:
    """A chat with an answer by each gateway, and beside it all that the broker can hold of one."""
    run = await begun(here)
    asking = asyncio.create_task(here.chats.ask(asked(said(f"{SECRET} again", "m2")), gateway=1))
    await (await here.chats.engine(seq=4)).whole(f"{SECRET} again, yes.")
    await asking
    job = GenerationRequested(
        run_id=run.id,
        at=now(),
        conversation_id=run.id,
        seq=6,
        purpose=Purpose.CHAT,
        provider="demo",
        model="demo-standard",
        first_job_at=now(),
        question=await here.store.entries.at(run.id, 3),
    )
    publisher, failure = Publisher(here.client), Failure(code="provider_error", message=SECRET)
    await publisher.work(job)
    await publisher.scheduled(job, datetime(2100, 1, 1, tzinfo=UTC), "later")
    await publisher.work(MemoryRequested(run_id=run.id, at=now(), conversation_id=run.id, seq=1, first_job_at=now()))
    await publisher.work(DeadLetter(run_id=run.id, at=now(), key=job.key, failure=failure, job=job))
    return run


async def left(here: Environment, run_id: str) -> dict[str, set[str]]:
    """What the broker holds of a run, but for how it is controlled: subjects by stream."""
    found: dict[str, set[str]] = {}
    for stream in (subjects.RUN_EVENTS, subjects.WORK, subjects.DEAD_LETTERS):
        async for stored in history.read(here.client, stream, ">"):
            control = (stored.message_id or "").startswith(f"{run_id}:cmd:")
            if run_id in stored.about | set(stored.subject.split(".")) and not control:
                found.setdefault(stream, set()).add(stored.subject)
    return found


async def end(here: Environment, run_id: str) -> None:
    """Plays the engine's part once the chat is to end: its last facts, and its end."""

    async def is_to_end() -> bool:
        run = await here.store.runs.get(run_id)
        return run is not None and run.control.wanted is Wanted.CANCEL

    await eventually(is_to_end)
    await asyncio.sleep(0.1)
    ended = await here.store.runs.finish(run_id, RunStatus.CANCELED, now(), report_ready=False, usage=Usage())
    assert ended is not None
    publisher = Publisher(here.client)
    sequence = await publisher.event(RunEnded.of(ended))
    await here.store.runs.note_event(run_id, sequence, now(), last=True)
    version = ended.control.version
    await publisher.event(ControlChanged(run_id=run_id, at=now(), type="run.canceled", version=version))
    await here.store.runs.handled(run_id, version)


def remembers(gateway: Instance, run_id: str) -> bool:
    """Whether a gateway holds anything of a chat in memory."""
    chat = gateway.app.state.services.chat
    assert isinstance(chat, ChatService)
    scopes = [scope for scope in gateway.streams.hub.scopes if scope.run_id == run_id]
    return bool(scopes) or chat.chats.cache.chat(ANYBODY, "chat-1") is not None


async def test_nothing_of_a_deleted_chat_is_shown_or_stands_on_the_broker(here: Environment) -> None:
    run, kept = await served_by_both(here), await begun(here, "kept", "Hello")
    assert set(await left(here, run.id)) == {subjects.RUN_EVENTS, subjects.WORK, subjects.DEAD_LETTERS}
    assert (await here.http.delete(f"{CHAT}/chat-1")).status_code == 204
    assert await left(here, run.id) == {}
    for gateway in here.gateways:
        for name in ("chat-1", run.id):
            await is_not_there(gateway, name)
        for path in ("/api/chats", "/api/runs?kind=chat", "/api/runs", "/api/admin/dead-letters"):
            listed = await gateway.http.get(path)
            assert (listed.status_code, run.id in listed.text, SECRET in listed.text) == (200, False, False), path
    assert (await here.http.get(f"{CHAT}/kept")).json()["messages"][0]["content"] == "Hello"
    assert set(await left(here, kept.id)) == {subjects.RUN_EVENTS}


async def is_not_there(gateway: Instance, name: str) -> None:
    for path in READS:
        answer = await gateway.http.get(path.format(name))
        assert (answer.status_code, SECRET in answer.text) == (404, False), path
    assert (await gateway.http.get(f"{CHAT}/{name}/stream")).status_code == 204
    body = {"conversationId": name, "lastContent": ""}
    assert (await gateway.http.post(f"{CHAT}/recover", json=body)).status_code == 404
    assert (await gateway.http.post("/api/stream-tokens", json={"runIds": [name]})).status_code == 404
    for path in (f"{CHAT}/{name}/stop", f"/api/streams/{name}/stop", f"/api/runs/{name}/cancel"):
        assert (await gateway.http.post(path)).status_code == 404, path
    assert (await gateway.http.delete(f"{CHAT}/{name}")).status_code == 404


async def test_what_the_engine_tells_of_the_end_goes_too_and_no_gateway_remembers(here: Environment) -> None:
    run = await served_by_both(here)
    assert all(remembers(gateway, run.id) for gateway in here.gateways)
    async with here.gateways[1].open(f"/api/runs/{run.id}/events") as reader:
        await reader.take(1)
        ending = asyncio.create_task(end(here, run.id))
        assert (await here.http.delete(f"{CHAT}/chat-1")).status_code == 204
        await ending
        assert await left(here, run.id) == {}
        await eventually(lambda: not any(remembers(gateway, run.id) for gateway in here.gateways))
        await reader.rest()


async def test_chat_that_was_only_cancelled_is_deleted_too(here: Environment) -> None:
    run = await begun(here)
    assert (await here.http.post(f"/api/runs/{run.id}/cancel")).status_code == 202
    await end(here, run.id)
    assert (await here.http.delete(f"{CHAT}/chat-1")).status_code == 204
    await is_not_there(here.gateways[1], "chat-1")
    assert await left(here, run.id) == {}


async def test_from_its_mark_on_a_chat_is_there_for_nobody_whoever_dies_then(here: Environment) -> None:
    run = await served_by_both(here)
    await here.store.runs.give_up(run.owner, run.id, now())
    for gateway in here.gateways:
        await is_not_there(gateway, "chat-1")
        refused = await gateway.http.post(CHAT, json=asked(said("More", "m3")))
        assert (refused.status_code, refused.json()["details"]["reason"]) == (409, "already_ended")
        assert SECRET not in refused.text
