"""Two tenants with two users each: every route there is, for what is one's own, another's, nobody's.

A route that is in no table here fails the test: whoever adds one says whose things it names.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from httpx import AsyncClient, Response

from shared.contracts.enums import RunKind
from shared.contracts.identity import new_id
from shared.contracts.kinds import KINDS
from shared.contracts.owner import Owner
from shared.contracts.runs import Run
from shared.contracts.sessions import Session
from shared.contracts.timestamps import now
from shared.storage import Store
from support.builders import conversation, message, run
from support.gateway.app import alone, by_headers, client_of, gateway_app, prepared
from support.gateway.chat_answers import asked, said
from support.gateway.environment import environment

ANN, BEN = Owner("default", "ann"), Owner("default", "ben")
STRANGER, NAMESAKE = Owner("other", "ben"), Owner("other", "ann")
OWNERS = (ANN, BEN, STRANGER, NAMESAKE)
SECRET = "secret 4711"
RUNS = ("runs", "battles", "scale", "comparisons")
CHATS = ("chat", *(f"chat/{name}" for name in ("advanced", "routed", "managed", "production")))
BY_PATH: Mapping[str, tuple[str, ...]] = {
    "get": (
        *(
            f"/api/{folder}/{{id}}/{what}"
            for folder in RUNS
            for what in ("status", "events", "conversations", "report")
        ),
        *(f"/api/{folder}/{{id}}/messages" for folder in ("conversations", *RUNS)),
        *(f"/api/{chat}/{{id}}/stream" for chat in CHATS),
        *("/api/stream/{id}", "/api/jobs/{id}/stream", "/api/chat/{id}"),
    ),
    "post": (
        *(f"/api/{folder}/{{id}}/{verb}" for folder in RUNS for verb in ("pause", "resume", "cancel")),
        *(f"/api/{chat}/{{id}}/stop" for chat in CHATS),
        *("/api/streams/{id}/stop", "/api/scale/{id}/retry-failed"),
    ),
    "delete": ("/api/chat/{id}",),
}
BY_QUERY = ("/api/llm", "/api/promptbro/assist")
BY_BODY: Mapping[str, tuple[dict[str, Any], ...]] = {
    "/api/chat/recover": ({"conversationId": "{id}", "lastContent": ""},),
    "/api/stream-tokens": ({"runIds": ["{id}"]}, {"sid": "{id}"}),
    "/api/promptbro/save": ({"sid": "{id}", "as": "template", "name": "kept"},),
    "/api/promptbro/assist": ({"step": "from-report", "input": "", "reportRunId": "{id}"},),
}
AGENT: Mapping[str, Any] = {"name": "seller", "systemPrompt": "Sell."}
TEMPLATE: Mapping[str, Any] = {"name": "seller", "kind": "k", "content": "Sell."}
BY_THING: Mapping[str, tuple[tuple[str, str, Mapping[str, Any] | None], ...]] = {
    "agents": (
        ("get", "/api/agents/{id}", None),
        ("get", "/api/agents/{id}/versions", None),
        ("put", "/api/agents/{id}", AGENT),
        ("delete", "/api/agents/{id}", None),
        ("post", "/api/battles/start", {"agentId": "{id}"}),
        ("post", "/api/scale/start", {"agentId": "{id}"}),
        ("post", "/api/estimates", {"agentId": "{id}"}),
        ("post", "/api/promptbro/save", {"text": "Sell more.", "as": "agent", "agentId": "{id}"}),
    ),
    "prompt-templates": (
        ("get", "/api/prompt-templates/{id}", None),
        ("get", "/api/prompt-templates/{id}/versions", None),
        ("put", "/api/prompt-templates/{id}", TEMPLATE),
        ("delete", "/api/prompt-templates/{id}", None),
    ),
}
"""What is the whole tenant's, and the requests that name it."""
LISTS = (
    "/api/agents",
    "/api/prompt-templates",
    "/api/runs",
    *(f"/api/runs?kind={kind.value}" for kind in RunKind),
    "/api/chats",
    "/api/admin/dead-letters",
)
SUMS = tuple(f"/api/usage?groupBy={key}" for key in ("day", "model", "run", "user"))
ELSEWHERE = {
    # Tested below, or with the letters: what they name stands in a body, or on the broker.
    *(("post", f"/api/{chat}") for chat in (*CHATS, "chat/sse")),
    ("get", "/api/admin/dead-letters/{id}"),
    ("post", "/api/admin/dead-letters/{id}/replay"),
}
NOBODYS = {
    # What is asked and answered at once, and what names nothing.
    *(("post", f"/api/{things}") for things in BY_THING),
    *(
        ("get", path)
        for path in ("/api/personas", "/api/models", "/api/health", "/api/health/ai", "/healthz", "/readyz")
    ),
    *(("get", path) for path in ("/v1/models", "/v1/models/{id}")),
    *(("post", path) for path in ("/v1/chat/completions", "/api/llm")),
}


async def keep(store: Store, owner: Owner, kind: RunKind, name: str | None) -> list[str]:
    """A run with one message; returns every name it is known by."""
    made: Run = run(kind=kind, tenant=owner.tenant).model_copy(update={"user": owner.user, "client_id": name})
    await store.runs.insert(made)
    await store.conversations.insert(conversation(made))
    await store.entries.insert(message(made.conversation_id(1), 1, SECRET, run_id=made.id, tenant=owner.tenant))
    return [one for one in (made.id, name, None if KINDS[kind].answers else made.conversation_id(1)) if one]


async def stored(store: Store, owner: Owner = ANN) -> dict[str, list[str]]:
    """What an owner has; each list holds every name of one thing."""
    settings = run(kind=RunKind.ASSIST).settings
    session = Session(id=new_id(), **owner._asdict(), settings=settings, expires_at=now() + timedelta(minutes=9))
    await store.sessions.insert(session)
    named = f"{owner.user}-" if owner.tenant == ANN.tenant else f"strange-{owner.user}-"
    kept = {kind.value: await keep(store, owner, kind, named + kind) for kind in (RunKind.CHAT, RunKind.BATTLE)}
    return kept | {"assist": await keep(store, owner, RunKind.ASSIST, None), "session": [session.id]}


@asynccontextmanager
async def here(nats_url: str, mongo_url: str) -> AsyncIterator[tuple[AsyncClient, Store]]:
    """A gateway without a broker: every stream ends at once."""
    database = f"ownership_{new_id()}"
    async with prepared(nats_url, mongo_url, database) as store:
        app = gateway_app(nats_url, mongo_url, database, store_timeout_seconds=20)
        app.named = by_headers
        async with client_of(app) as client:
            yield client, store
        app.state.store.close()
        await store.database.client.drop_database(database)


def requests(name: str) -> list[tuple[str, str, Any]]:
    """Every request that names something: method, path, body."""
    paths: list[tuple[str, str, Any]] = [
        (method, path.replace("{id}", name), {} if method == "post" else None)
        for method in BY_PATH
        for path in BY_PATH[method]
    ]
    queries = [("get", f"{path}?sid={name}", None) for path in BY_QUERY]
    bodies = [
        ("post", path, json.loads(json.dumps(body).replace("{id}", name)))
        for path, some in BY_BODY.items()
        for body in some
    ]
    return paths + queries + bodies


async def answered(client: AsyncClient, of: Owner, method: str, path: str, body: Any) -> Response:
    return await client.request(method, path, json=body, headers=named(of))


def named(of: Owner) -> dict[str, str]:
    return {"X-Tenant": of.tenant, "X-User-Id": of.user}


def told(answer: Response, name: str) -> tuple[int, str]:
    """What an answer says, but for the name that was asked for and the request's own id."""
    text = re.sub(r'"requestId":\s*"[^"]*"', "", answer.text.replace(name, "NAME"))
    return answer.status_code, text


async def test_what_is_anothers_is_there_as_little_as_what_nobody_has(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url) as (client, store):
        things = {owner: await stored(store, owner) for owner in OWNERS}
        nobodys = "nobody-has-this"
        unknown = [told(await answered(client, BEN, *asking), nobodys) for asking in requests(nobodys)]
        for asker in OWNERS:
            hidden = list(hidden_from(asker, things))
            for name in (*hidden, f"{hidden[0]}-1"):
                for asking, expected in zip(requests(name), unknown, strict=True):
                    answer = await answered(client, asker, *asking)
                    assert told(answer, name) == expected, (asker, asking)
        for owner, kept in things.items():
            for name in (name for names in kept.values() for name in names):
                standing = await store.runs.find(owner, name)
                assert standing is None or standing.control.version == 1


def hidden_from(asker: Owner, things: Mapping[Owner, Mapping[str, list[str]]]) -> Iterator[str]:
    """The names of what an asker is not shown: all of them for one asker, for the others the first of each thing."""
    for owner, kept in things.items():
        for kind, names in kept.items():
            if owner != asker and (kind != "battle" or owner.tenant != asker.tenant):
                yield from names if asker == BEN else names[:1]


async def test_agents_and_templates_are_their_tenants(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url) as (client, _):
        for things, body in (("agents", AGENT), ("prompt-templates", TEMPLATE)):
            made = (await answered(client, ANN, "post", f"/api/{things}", body)).json()["id"]
            for method, path, sent in BY_THING[things]:
                for asker in (STRANGER, NAMESAKE):
                    answers = [
                        told(await answered(client, asker, *asking_for(one, method, path, sent)), one)
                        for one in (made, "nobody-has-this")
                    ]
                    assert answers[0] == answers[1], (asker, method, path)
                    assert answers[0][0] >= 400, (method, path)
            for asker, count in ((ANN, 1), (BEN, 1), (STRANGER, 0), (NAMESAKE, 0)):
                listed = (await answered(client, asker, "get", f"/api/{things}", None)).json()["items"]
                assert [one["version"] for one in listed] == [1] * count
            # Else the above would prove nothing.
            for method, path, sent in sorted(BY_THING[things], key=lambda one: one[0] == "delete"):
                served = await answered(client, BEN, *asking_for(made, method, path, sent))
                assert served.status_code < 300, (method, path, served.text)


def asking_for(name: str, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[str, str, Any]:
    return method, path.replace("{id}", name), json.loads(json.dumps(body).replace("{id}", name))


async def test_one_finds_ones_own_and_what_the_team_plays(nats_url: str, mongo_url: str) -> None:
    """Else the test above would prove nothing."""
    async with here(nats_url, mongo_url) as (client, store):
        things = await stored(store)
        own: dict[str, tuple[str, ...]] = {
            "chat": ("/api/runs/{}/status", "/api/runs/{}/messages", "/api/chat/{}", "/api/stream/{}"),
            "assist": ("/api/llm?sid={}", "/api/runs/{}/status"),
            "session": ("/api/llm?sid={}",),
            "battle": ("/api/conversations/{}/messages",),
        }
        for kind, paths in own.items():
            for owner in (ANN, BEN):
                for name in things[kind]:
                    statuses = {
                        (await answered(client, owner, "get", path.format(name), None)).status_code for path in paths
                    }
                    assert statuses == ({200} if owner == ANN or kind == "battle" else {404}), (owner, name)
        for verb, status in (("pause", 202), ("resume", 202), ("cancel", 202)):
            answer = await answered(client, BEN, "post", f"/api/battles/ann-battle/{verb}", None)
            assert answer.status_code == status


async def test_lists_hold_ones_own_chats_and_answers_where_they_are_named(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url) as (client, store):
        things = await stored(store)
        battle, chat, assist = (things[kind][0] for kind in ("battle", "chat", "assist"))
        for owner, chats in ((ANN, [chat]), (BEN, [])):
            listed = {}
            for path in LISTS[2:-1]:
                answer = await answered(client, owner, "get", path, None)
                assert SECRET not in answer.text
                listed[path.rpartition("=")[2]] = [one["id"] for one in answer.json()["items"]]
            assert listed == {
                "/api/runs": [battle],
                "battle": [battle],
                "scale": [],
                "comparison": [],
                "chat": chats,
                "assist": [assist] if owner == ANN else [],
                "/api/chats": chats,
            }


async def test_sums_hold_what_one_may_see(nats_url: str, mongo_url: str) -> None:
    """A battle is its tenant's; what a chat and a single answer cost is told to their user alone."""
    async with here(nats_url, mongo_url) as (client, store):
        for owner in OWNERS:
            await stored(store, owner)
        for owner in OWNERS:
            for path in SUMS:
                sums = (await answered(client, owner, "get", path, None)).json()
                assert (sums["total"]["calls"], sums["total"]["usage"]["costUsd"]) == (4, 0.00006), path
                if path.endswith("user"):
                    calls = {one["key"]: one["calls"] for one in sums["items"]}
                    assert calls == {owner.user: 3, ({"ann", "ben"} - {owner.user}).pop(): 1}


async def test_every_route_has_a_rule() -> None:
    async with alone() as (app, _):
        paths = app.openapi()["paths"]
    routes = {(method, re.sub(r"\{[^}]*\}", "{id}", path)) for path, item in paths.items() for method in item}
    ruled = {(method, path) for method, some in BY_PATH.items() for path in some} | ELSEWHERE | NOBODYS
    ruled |= {(method, path) for some in BY_THING.values() for method, path, _ in some}
    ruled |= {("get", path) for path in BY_QUERY} | {("post", path) for path in BY_BODY}
    ruled |= {("get", path.partition("?")[0]) for path in (*LISTS, *SUMS)}
    assert {route for route in routes if route[0] != "head"} == ruled


async def test_two_users_have_a_chat_of_one_name_and_neither_meets_the_other(nats_url: str, mongo_url: str) -> None:
    async with environment(nats_url, mongo_url) as here:
        for owner in (ANN, BEN):
            body = asked(said(f"{owner.user} asks"), chat="tea")
            async with here.http.stream("POST", "/api/chat", json=body, headers={"X-User-Id": owner.user}) as answer:
                assert answer.status_code == 200
                made = await here.store.runs.find(owner, "tea")
                assert made is not None
                assert made.settings.scenarios[0].given[0].content == f"{owner.user} asks"
        runs = [await here.store.runs.find(owner, "tea") for owner in (ANN, BEN)]
        anns = runs[0].id if runs[0] else ""
        # The id of another's chat is a name like any other.
        async with here.http.stream("POST", "/api/chat", json=asked(said("Hi"), chat=anns)) as answer:
            assert (answer.status_code, answer.headers["X-Conversation-Id"] == anns) == (200, False)


async def test_idempotency_key_of_another_user_says_nothing(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url) as (client, _):
        agent = await client.post("/api/agents", json={"name": "a", "systemPrompt": "Sell."})
        body = {"agentId": agent.json()["id"], "goal": "A sale."}
        ids: dict[str, str] = {}
        for owner in (ANN, BEN):
            headers = {"X-User-Id": owner.user, "Idempotency-Key": "one"}
            first = await client.post("/api/battles/start", json=body, headers=headers)
            again = await client.post("/api/battles/start", json=body, headers=headers)
            other = await client.post("/api/battles/start", json=body | {"goal": "Another."}, headers=headers)
            assert [one.status_code for one in (first, again, other)] == [202, 200, 409]
            assert again.json()["id"] == other.json()["details"]["runId"] == first.json()["id"]
            ids[owner.user] = first.json()["id"]
        assert ids["ann"] != ids["ben"]


async def test_start_under_the_name_of_anothers_chat_is_a_run_of_its_own(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url) as (client, store):
        await stored(store)
        agent = await client.post("/api/agents", json={"name": "a", "systemPrompt": "Sell."})
        body = {"agentId": agent.json()["id"], "id": "ann-chat"}
        started = await client.post("/api/battles/start", json=body, headers={"X-User-Id": BEN.user})
        assert started.status_code == 202
        own = await client.post("/api/battles/start", json=body | {"goal": "x"}, headers={"X-User-Id": ANN.user})
        assert own.status_code == 409
