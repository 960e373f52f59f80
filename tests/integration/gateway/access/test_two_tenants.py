"""Two tenants with two users each, played by the real workers at once: nobody's is filed, told or shown as another's.

Every user says a word of their own in everything they ask for. Afterwards every document of every collection, every
event and every dead letter is looked at: it belongs to one owner, and holds no other's word.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from httpx import AsyncClient, Response

from gateway.app import create_app
from gateway.settings import GatewaySettings
from invariants import Witness, assert_all
from orchestrator import app as orchestrator
from orchestrator.settings import ProcessSettings as OrchestratorProcess
from shared.contracts import subjects
from shared.contracts.owner import Owner
from shared.contracts.runs import Run
from shared.messaging import history
from shared.storage import Store
from support.eventually import eventually
from support.gateway.app import LOG, by_headers, client_of
from support.workers.environment import WorkerEnvironment

OWNERS = tuple(Owner(tenant, user) for tenant in ("red", "blue") for user in ("ann", "ben"))
PATIENCE_SECONDS = 60.0
LONG = "so " * 3_200
"""Two of them are more than the tokens at which a chat is summed up."""

Document = dict[str, Any]


def word(owner: Owner) -> str:
    """What nobody else says."""
    return f"kettle-of-{owner.tenant}-{owner.user}"


@dataclass
class Asked:
    """What one user has asked for: ids by what it is."""

    owner: Owner
    battle: str = ""
    agent: str = ""
    template: str = ""
    answers: dict[str, str] = field(default_factory=dict)


@dataclass
class Played:
    """What stands after everybody was served."""

    http: AsyncClient
    workers: WorkerEnvironment
    asked: list[Asked]
    runs: Mapping[str, Run]

    async def get(self, owner: Owner, path: str) -> Response:
        return await self.http.get(path, headers=headers(owner))


def headers(owner: Owner) -> dict[str, str]:
    return {"X-Tenant": owner.tenant, "X-User-Id": owner.user}


@asynccontextmanager
async def at_work(workers: WorkerEnvironment) -> AsyncIterator[None]:
    """The three workers as their processes run them, in this one."""
    stopping = asyncio.Event()
    settings = OrchestratorProcess(**workers.process_settings)
    async with asyncio.TaskGroup() as tasks, workers.runner(), workers.summarizer():
        tasks.create_task(orchestrator.serve(settings, workers.registry, LOG, stopping))
        try:
            yield
        finally:
            stopping.set()


@asynccontextmanager
async def gateway_on(of: WorkerEnvironment) -> AsyncIterator[AsyncClient]:
    """A gateway whose callers say their tenant in a header, as keys will."""
    settings = GatewaySettings(
        nats_url=of.nats_url,
        mongo_url=of.mongo_url,
        mongo_database=of.store.database.name,
        assist_daily_requests=5,
        store_timeout_seconds=20,
    )
    app = create_app(settings, of.registry, LOG, asyncio.Event())
    app.named = by_headers
    async with app.router.lifespan_context(app), client_of(app) as client:
        await eventually(lambda: app.state.services.connection.connected, "a connection")
        yield client


def said(role: str, text: str, identity: str) -> Document:
    return {"id": identity, "role": role, "parts": [{"type": "text", "text": text}]}


async def ask(client: AsyncClient, owner: Owner) -> Asked:
    """A user asks for one of everything, under names that all the others use too."""
    asked, own = Asked(owner), word(owner)

    async def post(path: str, *statuses: int, **body: object) -> Document:
        answer = await client.post(path, json=body, headers=headers(owner) | {"Idempotency-Key": "the-same"})
        assert answer.status_code in (statuses or (200, 201, 202)), (path, answer.text)
        return dict(answer.json()) if answer.headers["content-type"].startswith("application/json") else {}

    asked.agent = (await post("/api/agents", name=own, systemPrompt=f"You are the support of a shop. Sell {own}."))[
        "id"
    ]
    asked.template = (await post("/api/prompt-templates", name=own, kind="k", content=own))["id"]
    started = await post("/api/battles/start", agentId=asked.agent, goal=f"{own} is sold.", messageLimit=4)
    asked.battle = started["id"]
    long = [said("user", f"{own} {LONG}", "1"), said("assistant", "Yes.", "2"), said("user", f"{own} {LONG}", "3")]
    await post("/api/chat", id="tea", message=f"Tell me of {own}.", agentId=asked.agent, format="json")
    await post("/api/chat", id="long", messages=long, format="json")
    await post("/api/chat", id="long", message=f"What of {own}?", format="json")
    await post("/api/chat", 502, id="broken", message=own, provider="demo", model="demo-fast+500", format="json")
    await post("/api/promptbro/assist", step="rewrite", input=f"You sell {own}.")
    session = await post("/api/llm", prompt=f"What is {own}?")
    for path in (session["url"], f"/api/llm?prompt={own}"):
        answer = await client.get(path, headers=headers(owner))
        assert answer.status_code == 200, answer.text
        asked.answers[path] = answer.text
    return asked


@pytest.fixture
async def played(workers: WorkerEnvironment) -> AsyncIterator[Played]:
    async with at_work(workers), gateway_on(workers) as client:
        asked = await asyncio.gather(*(ask(client, owner) for owner in OWNERS))

        async def at_rest() -> bool:
            battles = [run for run in await everything(workers.store, "runs") if run["kind"] == "battle"]
            generations = await everything(workers.store, "generations")
            summed_up = sum(one["purpose"] == "memory" for one in generations)
            ended = all(battle["end_sequence"] for battle in battles)
            return ended and summed_up >= len(OWNERS) and not await workers.broker.jobs()

        await eventually(at_rest, "the end of everything", PATIENCE_SECONDS)
        ids = [document["_id"] for document in await everything(workers.store, "runs")]
        runs = {run_id: run for run_id in ids if (run := await workers.store.runs.get(run_id)) is not None}
        yield Played(client, workers, list(asked), runs)


async def everything(store: Store, collection: str) -> list[Document]:
    """All documents, by an index: none is scanned for here."""
    return await store.collection(collection).find({}, hint=[("_id", 1)]).to_list(None)


def owners_said(text: str) -> set[Owner]:
    """Whose words a text holds."""
    return {owner for owner in OWNERS if word(owner) in text}


def of_its_run(name: str) -> Callable[[Document, Mapping[str, Run]], Owner | None]:
    """A row of a run, which is filed under its run's tenant."""

    def owner(document: Document, runs: Mapping[str, Run]) -> Owner | None:
        of = runs[document[name]]
        assert document["tenant"] == of.tenant, document
        return of.owner

    return owner


def in_its_own_name(document: Document, _: Mapping[str, Run]) -> Owner | None:
    return Owner(document["tenant"], document["user"])


def of_the_one_who_said(document: Document, _: Mapping[str, Run]) -> Owner | None:
    """A thing of a tenant's, which each of its users has: whose it is, its word says."""
    (owner,) = owners_said(repr(document))
    assert document["tenant"] == owner.tenant, document
    return owner


def by_its_key(document: Document, _: Mapping[str, Run]) -> Owner | None:
    _, tenant, user, _ = document["_id"].split(":")
    return Owner(tenant, user)


OWNER_OF: Mapping[str, Callable[[Document, Mapping[str, Run]], Owner | None]] = {
    "runs": in_its_own_name,
    "sessions": in_its_own_name,
    "stream_leases": in_its_own_name,
    "conversations": of_its_run("run_id"),
    "entries": of_its_run("run_id"),
    "generations": of_its_run("run_id"),
    "usage": of_its_run("run_id"),
    "reports": of_its_run("_id"),
    "agents": of_the_one_who_said,
    "agent_versions": of_the_one_who_said,
    "templates": of_the_one_who_said,
    "template_versions": of_the_one_who_said,
    "quotas": by_its_key,
    "readers": lambda document, runs: runs[document["_id"]].owner,
    # One document that every process writes to see that it can.
    "probes": lambda document, runs: None,
}
ALL_HAVE_SOME = ("runs", "sessions", "conversations", "entries", "generations", "usage", "reports", "agents", "quotas")


async def test_nothing_of_one_owner_is_filed_told_or_shown_as_anothers(played: Played) -> None:
    await nothing_is_filed_as_anothers(played)
    await nothing_is_told_as_anothers(played)
    await nothing_is_shown_to_another(played)
    for asked in played.asked:
        await assert_all(Witness(played.workers.store, played.workers.client), asked.battle)


async def nothing_is_filed_as_anothers(played: Played) -> None:
    """Every document of every collection: a collection without a rule fails."""
    store = played.workers.store
    found: dict[str, set[Owner | None]] = {}
    for name in await store.database.list_collection_names():
        documents = await everything(store, name)
        found[name] = {OWNER_OF[name](document, played.runs) for document in documents}
        for document in documents:
            owner = OWNER_OF[name](document, played.runs)
            assert owners_said(repr(document)) <= {owner}, (name, document)
    assert {name: found.get(name) for name in ALL_HAVE_SOME} == {name: set(OWNERS) for name in ALL_HAVE_SOME}


async def nothing_is_told_as_anothers(played: Played) -> None:
    """Every event of every run, and every dead letter."""
    for stream, told in ((subjects.RUN_EVENTS, "run.>"), (subjects.DEAD_LETTERS, "dlq.>")):
        heard: set[Owner] = set()
        async for stored in history.read(played.workers.client, stream, told):
            run_id = json.loads(stored.data).get("runId") or json.loads(stored.data)["job"]["runId"]
            owner = played.runs[run_id].owner
            assert stream != subjects.RUN_EVENTS or stored.subject.split(".")[1] == run_id
            assert owners_said(stored.data.decode()) <= {owner}, stored
            heard.add(owner)
        assert heard == set(OWNERS), stream


async def no_other_letter_is_there(played: Played, owner: Owner, own: set[str]) -> None:
    """Dead letters are named by where they stand on their stream."""
    letters = history.read(played.workers.client, subjects.DEAD_LETTERS, "dlq.>")
    others = {str(stored.sequence) async for stored in letters} - own
    assert others
    for path in (f"/api/admin/dead-letters/{letter}" for letter in others):
        assert (await played.get(owner, path)).status_code == 404, (owner, path)
        replayed = await played.http.post(f"{path}/replay", headers=headers(owner))
        assert replayed.status_code == 404, (owner, path)


async def nothing_is_shown_to_another(played: Played) -> None:
    for owner in OWNERS:
        shown = {run_id for run_id, run in played.runs.items() if run.is_of(owner)}
        for run_id, run in played.runs.items():
            status = 200 if run_id in shown else 404
            for path in (f"runs/{run_id}/status", f"conversations/{run.conversation_id(1)}/messages"):
                assert (await played.get(owner, f"/api/{path}")).status_code == status, (owner, path)
            if run_id not in shown:
                for path in ("events", "report", "conversations", "messages"):
                    assert (await played.get(owner, f"/api/runs/{run_id}/{path}")).status_code == 404, (owner, path)
        team = {one for one in OWNERS if one.tenant == owner.tenant}
        for path in ("agents", "prompt-templates", "runs"):
            listed = (await played.get(owner, f"/api/{path}")).json()["items"]
            assert len(listed) == len(team), (owner, path)
            assert owners_said(json.dumps(listed)) <= team, (owner, path)
        chats = (await played.get(owner, "/api/chats")).json()["items"]
        assert {chat["id"] for chat in chats} <= shown
        assert len(chats) == 3
        letters = (await played.get(owner, "/api/admin/dead-letters")).json()["items"]
        assert letters
        assert {letter["runId"] for letter in letters} <= shown
        await no_other_letter_is_there(played, owner, {letter["id"] for letter in letters})
    for asked in played.asked:
        for text in asked.answers.values():
            assert owners_said(text) <= {asked.owner}
