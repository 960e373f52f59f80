"""What an older version stored is shown by this one as it was, and played to its end (docs/upgrading.md)."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client
from pymongo import MongoClient

from e2e.watching import Body, until_ended
from invariants import Witness, assert_all
from local_stack.finder import Binary, find_nats
from local_stack.ports import LOOPBACK, free_port
from local_stack.servers import NatsServer, running
from local_stack.stack import Stack
from recordings import shown
from recordings.load import Line, Recording
from shared.contracts import subjects
from shared.contracts.enums import RunKind, Wanted
from shared.messaging import history
from shared.settings import MongoSettings
from shared.storage import Store
from support.eventually import eventually
from support.servers import database_name
from support.work_left import work_left

pytestmark = pytest.mark.asyncio(loop_scope="session")

RECORDINGS = sorted(path.parent for path in Path(shown.__file__).parent.glob("*/recording.json"))
READY_SECONDS, WAIT_SECONDS = 60, 60
PACE = ("--time-to-first-token", "0.02", "--tokens-per-second", "400")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?")
FOR_PEOPLE = ("text/markdown", "text/html")
MENDED = re.compile(r"links\.messages is \S+/conversations, was")
"""What is shown otherwise for a reason: the link led to a 400 where a run has several conversations."""


@dataclass
class Upgraded:
    """A stack of this version on what another one left."""

    recording: Recording
    store: Store
    client: Client
    gateway: httpx.AsyncClient

    async def assert_sound(self, run_id: str, *, at_end: bool = True) -> None:
        """Every invariant, once nothing of it is owed any more."""

        async def at_rest() -> bool:
            return run_id not in await history.about(self.client, subjects.WORK, ">")

        await eventually(at_rest, seconds=WAIT_SECONDS)
        await assert_all(Witness(self.store, self.client), run_id, at_end=at_end)

    async def until_status(self, run_id: str, wanted: str) -> None:
        async def has_it() -> bool:
            return bool((await self.gateway.get(f"/api/runs/{run_id}/status")).json()["status"] == wanted)

        await eventually(has_it, seconds=WAIT_SECONDS)

    async def letters_of(self, run_id: str) -> list[Body]:
        letters = (await self.gateway.get("/api/admin/dead-letters?limit=100")).json()["items"]
        return [letter for letter in letters if letter["runId"] == run_id]

    async def judged_again(self, letter: Body) -> bool:
        made = await self.store.generations.of_conversation(letter["conversationId"])
        return any((one.seq, one.pass_number) == (letter["seq"], 1) and one.judgement is not None for one in made)

    async def messages(self, chat: str) -> list[Body]:
        return list((await self.gateway.get(f"/api/chat/{chat}")).json()["messages"])

    async def is_answered(self, chat: str) -> bool:
        """By as many numbers as were asked for."""
        question, answer = (await self.messages(chat))[-2:]
        asked = int(str(question["content"]).rpartition(" ")[2])
        return bool(answer["content"] == " ".join(str(number) for number in range(1, asked + 1)))


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=RECORDINGS, ids=lambda folder: folder.name)
async def upgraded(request, mongo_url: str, tmp_path_factory) -> AsyncIterator[Upgraded]:  # type: ignore[no-untyped-def] # pytest's own types are private
    recording, folder = Recording.read(request.param), tmp_path_factory.mktemp("upgraded")
    source = find_nats({})
    assert isinstance(source, Binary)
    async with AsyncExitStack() as cleanup:
        nats_url = cleanup.enter_context(running(NatsServer(source.path, folder / "nats", folder / "logs")))
        client = await cleanup.enter_async_context(await nats.connect(nats_url))
        database = database_name()
        documents = cleanup.enter_context(MongoClient[Any](mongo_url, tz_aware=True))
        cleanup.callback(documents.drop_database, database)
        await recording.load(documents[database], client)
        port, providers = free_port(), dict(recording.providers)
        providers["demo"] |= {"baseUrl": f"http://{LOOPBACK}:{port}/v1"}
        servers = {"AGENTWARS_NATS_URL": nats_url, "AGENTWARS_MONGO_URL": mongo_url}
        env = {**recording.settings, **servers, "AGENTWARS_MONGO_DATABASE": database}
        stack = Stack(
            folder / "stack",
            env=env | {"AGENTWARS_PROVIDERS": json.dumps(providers)},
            demo_port=port,
            demo_arguments=PACE,
        )
        await cleanup.enter_async_context(stack)
        await stack.ready(READY_SECONDS)
        store = Store(MongoSettings(mongo_url=mongo_url, mongo_database=database))
        cleanup.callback(store.close)
        gateway = await cleanup.enter_async_context(
            httpx.AsyncClient(base_url=stack.gateway_urls[0], timeout=30, headers=shown.USER)
        )
        yield Upgraded(recording, store, client, gateway)


async def test_what_has_ended_is_shown_as_it_was(upgraded: Upgraded) -> None:
    changed = []
    for before in upgraded.recording.answers():
        after = await shown.answer(upgraded.gateway, before["path"], before.get("body"))
        changed += _changes(before, after)
    changed = [one for one in changed if not MENDED.search(one)]
    assert not changed, "\n".join(changed)


def _changes(before: Line, after: Line) -> list[str]:
    """What an answer says otherwise than it did."""
    path = before["path"]
    if (after["status"], after["type"]) != (before["status"], before["type"]):
        return [f"{path} is {after['status']} {after['type']}: {after['text']}"]
    if path in shown.LISTS:
        return _unlisted(json.loads(before["text"])["items"], json.loads(after["text"])["items"], path)
    if before["type"] == "application/json":
        return list(_lost(json.loads(before["text"]), json.loads(after["text"]), path))
    if before["type"].startswith("text/event-stream"):
        return list(_lost(_events(before["text"]), _events(after["text"]), path))
    if before["type"].startswith(FOR_PEOPLE) or TIME.sub("", after["text"]) == TIME.sub("", before["text"]):
        return []
    return [f"{path} reads otherwise: {after['text']}"]


def _unlisted(before: list[Body], after: list[Body], where: str) -> list[str]:
    """Everything that was listed is; when a letter was stored is the broker's word, and it stands there anew."""
    listed = {item["id"]: item for item in after}
    known = {item["id"]: item for item in before}
    if "dead-letters" in where:
        known = {one: item | {"at": listed.get(one, item)["at"]} for one, item in known.items()}
    return list(_lost(known, listed, where))


def _lost(before: Any, after: Any, where: str) -> Iterator[str]:
    """Contracts only grow: what was there is, with its value; what is new may stand beside it."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            yield from _lost(value, after.get(name, "nothing"), f"{where}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _lost(old, new, f"{where}[{place}]")
    elif before != after:
        yield f"{where} is {after}, was {before}"


def _events(text: str) -> list[Body]:
    """The events of a stream; their ids name the stream on which they stand, which is another one here."""
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


async def test_what_was_being_played_is_played_to_its_end(upgraded: Upgraded) -> None:
    for run_id in upgraded.recording.ids["running"]:
        status = await until_ended(upgraded.gateway, run_id)
        run = await upgraded.store.runs.get(run_id)
        assert run is not None
        canceled = run.control.wanted is Wanted.CANCEL
        assert status["status"] == ("canceled" if canceled else "complete"), status
        report = (await upgraded.gateway.get(f"/api/runs/{run_id}/report")).json()
        assert report["status"] == ("unavailable" if canceled else "ready")
        await upgraded.assert_sound(run_id)


async def test_what_was_paused_goes_on_when_it_is_resumed(upgraded: Upgraded) -> None:
    replayed = 0
    for run_id in upgraded.recording.ids["paused"]:
        await upgraded.until_status(run_id, "paused")
        for letter in await upgraded.letters_of(run_id):
            again = await upgraded.gateway.post(f"/api/admin/dead-letters/{letter['id']}/replay")
            assert again.status_code == 202, again.text
            await eventually(partial(upgraded.judged_again, letter), seconds=WAIT_SECONDS)
            replayed += 1
        assert (await upgraded.gateway.post(f"/api/runs/{run_id}/resume")).status_code == 202
        assert (await until_ended(upgraded.gateway, run_id))["status"] == "complete"
        await upgraded.assert_sound(run_id)
    assert replayed


async def test_what_was_asked_in_a_chat_is_answered(upgraded: Upgraded) -> None:
    for chat in upgraded.recording.ids["open chat"]:
        await eventually(partial(upgraded.is_answered, chat), seconds=WAIT_SECONDS)
        await upgraded.assert_sound(chat, at_end=False)


async def test_a_chat_goes_on(upgraded: Upgraded) -> None:
    for chat in upgraded.recording.ids["chat"]:
        said = {"id": "after", "role": "user", "parts": [{"type": "text", "text": "Please count to 4"}]}
        asked = {"id": chat, "messages": [said], "trigger": "submit-message", "provider": "demo", "model": "demo-fast"}
        assert (await upgraded.gateway.post("/api/chat", json=asked)).status_code == 200
        assert (await upgraded.messages(chat))[-1]["content"] == "1 2 3 4"
        await upgraded.assert_sound(chat, at_end=False)


async def test_nothing_is_owed_in_the_end(upgraded: Upgraded) -> None:
    async def nothing() -> bool:
        return not await work_left(upgraded.client)

    await eventually(nothing, seconds=WAIT_SECONDS)
    open_runs = upgraded.store.collection("runs").find({"ended_at": None, "kind": {"$ne": RunKind.CHAT}})
    left = {run["_id"]: run["status"] async for run in open_runs}
    waiting = set(upgraded.recording.ids["paused"])
    assert {one for one, status in left.items() if one not in waiting or status != "paused"} == set()
