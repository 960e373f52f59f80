"""Tokens for the URLs of streams: exact ids, the path's own id, the routes that are named, and no others."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from pydantic import ValidationError

from gateway.access.stream_tokens import Grant, sign
from gateway.access.token_callers import READ_BY_PATH, READ_BY_SID
from gateway.settings import GatewaySettings
from shared.contracts.enums import RunKind
from shared.contracts.identity import new_id
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.storage import Store
from support.builders import run as sample_run
from support.gateway.app import alone, client_of, gateway_app, gateway_without_store, prepared

SECRET = "a secret of this test, of forty bytes or so"
ME = {"X-User-Id": "me"}


@asynccontextmanager
async def here(nats_url: str, mongo_url: str, **settings: Any) -> AsyncIterator[tuple[AsyncClient, Store]]:
    """A gateway with a secret, whose lifespan has not begun: nothing here is streamed."""
    database = f"tokens_{new_id()}"
    async with prepared(nats_url, mongo_url, database) as store:
        app = gateway_app(nats_url, mongo_url, database, **({"stream_token_secret": SECRET} | settings))
        async with client_of(app) as client:
            yield client, store
        app.state.store.close()


async def stored(store: Store, kind: RunKind = RunKind.BATTLE, user: str = "me", **changes: Any) -> Run:
    made = sample_run(kind=kind, total=changes.pop("total", 1)).model_copy(update={"user": user, **changes})
    await store.runs.insert(made)
    return made


async def token(client: AsyncClient, *names: str, **headers: str) -> str:
    answer = await client.post("/api/stream-tokens", json={"runIds": list(names)}, headers=headers or ME)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


async def test_token_reads_what_it_names_and_sid_beside_it_opens_nothing(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url) as (client, store):
        mine, other = await stored(store, total=3, concurrency=1), await stored(store)
        made = await token(client, mine.id)
        opened = [f"runs/{mine.id}/status", f"scale/{mine.id}/conversations", f"conversations/{mine.id}-3/messages"]
        closed = [
            *("agents", "chats", "runs", "personas", "prompt-templates", "models", "health", "admin/dead-letters"),
            *(f"runs/{mine.id}/report", f"chat/{mine.id}", f"agents/{mine.id}", f"admin/dead-letters/{mine.id}"),
            *(f"runs/{other.id}/status", f"conversations/{other.id}-1/messages", f"llm?sid={other.id}"),
            *(f"conversations/{mine.id}-{index}/messages" for index in ("4", "0", "03", "x", "-1", "1-1", "%D9%A3")),
            *(f"conversations/{mine.id[:-1]}/messages"),
        ]
        asked = await client.get(f"/api/llm?prompt=Hi&lastEventId={mine.id}-1&token={made}")
        assert asked.status_code == 403
        for path in opened:
            sign_ = "&" if "?" in path else "?"
            for method in ("GET", "HEAD"):
                assert (await client.request(method, f"/api/{path}{sign_}token={made}")).status_code in (200, 405)
        for path in closed:
            for beside in ("", f"&sid={mine.id}"):
                sign_ = "&" if "?" in path else "?"
                refused = await client.get(f"/api/{path}{sign_}token={made}{beside}")
                assert (refused.status_code, refused.json()["error"]) == (403, "forbidden"), (path, beside)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_token_writes_nothing(nats_url: str, mongo_url: str, method: str) -> None:
    async with here(nats_url, mongo_url) as (client, store):
        mine = await stored(store)
        made = await token(client, mine.id)
        for path in (f"runs/{mine.id}/status", f"runs/{mine.id}/cancel", f"chat/{mine.id}", f"llm?sid={mine.id}"):
            sign_ = "&" if "?" in path else "?"
            assert (await client.request(method, f"/api/{path}{sign_}token={made}", json={})).status_code == 403
        standing = await store.runs.get(mine.id)
        assert standing == mine


async def test_token_for_a_chat_is_for_no_chat_whose_name_only_begins_like_it(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url) as (client, store):
        tea = await stored(store, RunKind.CHAT, client_id="tea")
        for name in ("tea-x", "tea-1", f"{tea.id}-1", f"{tea.id}-x"):
            await stored(store, RunKind.CHAT, client_id=name)
        made = await token(client, "tea")
        statuses = {
            name: (await client.get(f"/api/conversations/{name}/messages?token={made}")).status_code
            for name in ("tea", tea.id, "tea-x", "tea-1", f"{tea.id}-1", f"{tea.id}-x", "te")
        }
        assert statuses == dict.fromkeys(statuses, 403) | {"tea": 200, tea.id: 200}


async def test_token_of_a_run_does_not_open_a_chat_of_the_same_name(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url) as (client, store):
        await stored(store, RunKind.CHAT, client_id="tea")
        battle = await stored(store, RunKind.BATTLE, user="another", client_id="tea")
        made = await token(client, battle.id)
        assert (await client.get(f"/api/runs/{battle.id}/status?token={made}")).status_code == 200
        assert (await client.get(f"/api/runs/tea/status?token={made}")).status_code == 403


async def test_bad_token_is_refused_on_every_route_there_is(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url) as (client, store):
        made = await token(client, (await stored(store)).id)
        forged = sign(Grant(tenant="t", user="u", streams=("x",), expires_at=now() + timedelta(days=1)), "")
        old = sign(Grant(tenant="t", user="u", streams=("x",), expires_at=now() - timedelta(seconds=1)), SECRET)
        bad = ("", "x", "a.b", made[:-2] + "xx", made + "x", forged, old, "x" * 20_000, f"{made}&token={made}")
        async with alone() as (app, _):
            routes = {(method, path) for path, item in app.openapi()["paths"].items() for method in item}
        for method, path in routes | {("get", "/docs"), ("get", "/openapi.json"), ("get", "/nowhere")}:
            named = re.sub(r"\{[^}]*\}", "x", path)
            for sent in bad if path == "/api/models" else bad[1:2]:
                refused = await client.request(method, f"{named}?token={sent}")
                assert refused.status_code == 401, (method, path, sent)


async def test_routes_that_say_they_take_a_token_are_those_that_do() -> None:
    async with alone() as (app, _):
        paths = app.openapi()["paths"]
    documented = {
        re.sub(r"\{[^}]*\}", "{id}", path)
        for path, item in paths.items()
        for operation in item.values()
        if any(one["name"] == "token" for one in operation.get("parameters", ()))
    }
    assert documented == {*READ_BY_PATH, *READ_BY_SID}


async def test_reader_of_another_user_needs_the_token_that_the_url_of_an_answer_has(
    nats_url: str, mongo_url: str
) -> None:
    async with here(nats_url, mongo_url) as (client, _):
        for settings in ({}, {"stream_token_secret": None}):
            async with here(nats_url, mongo_url, **settings) as (client, _):
                view = (await client.post("/api/llm", json={"prompt": "Hi"}, headers=ME)).json()
                bare = await client.get(f"/api/llm?sid={view['sid']}")
                # That it is found shows: what is missing is the broker.
                named = await client.get(view["url"])
                assert (bare.status_code, named.status_code, "retry" in named.text) == (404, 200, True)


async def test_without_a_secret_a_token_says_its_user_and_never_a_tenant(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url, stream_token_secret=None) as (client, store):
        mine = await stored(store, RunKind.CHAT)
        foreign = sample_run(kind=RunKind.CHAT, tenant="other").model_copy(update={"user": "me"})
        await store.runs.insert(foreign)
        tomorrow = now() + timedelta(days=1)
        forged = sign(Grant(tenant="other", user="me", streams=(foreign.id, mine.id), expires_at=tomorrow), "any")
        asked = [
            (mine.id, await token(client, mine.id)),
            (mine.id, forged),
            (foreign.id, forged),
            (mine.id, "[" * 9000),
        ]
        statuses = [(await client.get(f"/api/runs/{one}/status?token={sent}")).status_code for one, sent in asked]
        assert statuses == [200, 200, 404, 404]
        written = await client.post(f"/api/runs/{mine.id}/cancel?token={forged}")
        assert written.status_code == 404


@pytest.mark.parametrize("secret", ["", "short", "x" * 31, "ä" * 15])
def test_gateway_does_not_start_with_a_secret_that_can_be_guessed(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("AGENTWARS_STREAM_TOKEN_SECRET", secret)
    with pytest.raises(ValidationError, match="openssl rand -hex 32") as told:
        GatewaySettings()
    assert len(secret) < 5 or secret not in str(told.value)
    monkeypatch.setenv("AGENTWARS_STREAM_TOKEN_SECRET", "x" * 32)
    assert GatewaySettings().stream_token_secret is not None


async def test_no_token_stands_in_a_log(nats_url: str, mongo_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Also where the store is away, a request fails, or the token is refused."""
    caplog.set_level("DEBUG")
    async with here(nats_url, mongo_url) as (client, store):
        mine = await stored(store)
        made = await token(client, mine.id)
        await client.get(f"/api/runs/{mine.id}/status?token={made}")
        await client.get(f"/api/runs/{mine.id}/report?token={made}")
        store.close()
    async with alone() as (app, client):
        app.state.store.runs.find = None
        assert (await client.get(f"/api/runs/{mine.id}/status?token={made}")).status_code == 500
    async with gateway_without_store(nats_url) as client:
        assert (await client.get(f"/api/runs/{mine.id}/status?token={made}")).status_code == 503
    gateways = [one for one in caplog.records if one.name not in ("httpx", "httpcore", "asyncio")]
    assert any("request" in one.getMessage() for one in gateways)
    assert not [one for one in gateways if made[:40] in one.getMessage() or made[:40] in str(one.exc_text)]
