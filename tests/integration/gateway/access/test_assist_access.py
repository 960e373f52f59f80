"""PromptBro's quota, exact under concurrency, and tokens for the URLs of streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient, Response

from gateway.promptbro.steps import AssistBody, assist_settings
from gateway.settings import GatewaySettings
from gateway.single_answers.requests import QuestionBody, question
from gateway.single_answers.runs import answer_run, estimated_nanos
from shared.contracts.enums import RunStatus
from shared.contracts.identity import new_id
from shared.contracts.money import to_usd
from shared.contracts.timestamps import now
from shared.contracts.transcript import Usage
from shared.storage import Store
from shared.storage.quotas import Allowance
from support.callers import caller
from support.gateway.app import CASTING, ROUTER, gateway, prepared
from support.gateway.writer import stored_run

ASKED = {"step": "rewrite", "input": "You are a bot."}


@asynccontextmanager
async def here(nats_url: str, mongo_url: str, **settings: Any) -> AsyncIterator[tuple[AsyncClient, Store]]:
    """A gateway with a database of its own."""
    database = f"assist_{new_id()}"
    async with (
        prepared(nats_url, mongo_url, database) as store,
        gateway(nats_url, mongo_url, database, **settings) as client,
    ):
        yield client, store


async def ask(client: AsyncClient, user: str = "me") -> Response:
    return await client.post("/api/promptbro/assist?mode=session", json=ASKED, headers={"X-User-Id": user})


def estimate() -> int:
    settings = assist_settings(AssistBody.model_validate(ASKED), CASTING, GatewaySettings(), orphan_seconds=0)
    return estimated_nanos(settings, ROUTER, GatewaySettings())


# The quota


async def test_day_holds_so_many_requests_a_user_however_they_come(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url, assist_daily_requests=5) as (client, _):
        answers = await asyncio.gather(*(ask(client) for _ in range(20)))
        other = await ask(client, "somebody else")
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [429] * 15
    assert other.status_code == 201
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"] == "rate_limited"
    seconds = int(refused.headers["Retry-After"])
    midnight = datetime.now(UTC) + timedelta(seconds=seconds)
    assert (midnight + timedelta(minutes=1)).date() == datetime.now(UTC).date() + timedelta(days=1)
    assert refused.json()["details"]["retryAfter"] == seconds
    assert (refused.headers["X-RateLimit-Limit"], refused.headers["X-RateLimit-Remaining"]) == ("5", "0")


async def test_day_holds_so_much_money_and_estimates_give_way_to_costs(nats_url: str, mongo_url: str) -> None:
    twice = to_usd(2 * estimate())
    async with here(nats_url, mongo_url, assist_daily_usd=twice) as (client, store):
        sids = [(await ask(client)).json()["sid"] for _ in range(2)]
        assert (await ask(client)).status_code == 429
        settings = assist_settings(AssistBody.model_validate(ASKED), CASTING, GatewaySettings(), orphan_seconds=0)
        await store.runs.insert(answer_run(settings, caller("me")).model_copy(update={"id": sids[0]}))
        await store.runs.finish(sids[0], RunStatus.COMPLETE, now(), report_ready=False, usage=Usage(cost_nanos=1))
        # The first run cost next to nothing, but not nothing: the next estimate does not fit yet.
        assert (await ask(client)).status_code == 429
        taken = await store.quotas.get(f"assist:default:me:{now():%Y-%m-%d}")
        assert (taken.requests, taken.cost_nanos, list(taken.open)) == (2, estimate() + 1, [sids[1]])


async def test_without_a_setting_there_is_no_quota_on_loopback(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url) as (client, store):
        assert (await ask(client)).status_code == 201
        assert (await store.quotas.get(f"assist:default:me:{now():%Y-%m-%d}")).requests == 0


async def test_quota_is_settled_once(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url) as (_, store):
        allowance = Allowance(requests=9, cost_nanos=100)
        until = now() + timedelta(days=1)
        assert await store.quotas.take("key", "one", 60, allowance, until)
        assert not await store.quotas.take("key", "two", 60, allowance, until)
        await store.quotas.settle("key", "one", 40)
        await store.quotas.settle("key", "one", 90)
        assert await store.quotas.take("key", "two", 60, allowance, until)
        taken = await store.quotas.get("key")
        assert (taken.requests, taken.cost_nanos, taken.open) == (2, 100, {"two": 60})


# Tokens


async def token(client: AsyncClient, **body: Any) -> str:
    answer = await client.post("/api/stream-tokens", json=body, headers={"X-User-Id": "me"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


async def stored(store: Store, user: str = "me") -> str:
    run = answer_run(question(QuestionBody(prompt="Hi"), CASTING, GatewaySettings()), caller(user))
    await store.runs.insert(run)
    return run.id


async def test_token_opens_its_streams_and_no_others(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url, stream_token_secret="of this test, as long as it must be") as (
        client,
        store,
    ):
        mine, other = await stored(store), await stored(store)
        made = await token(client, runIds=[mine])
        own = await client.get(f"/api/runs/{mine}/status?token={made}")
        foreign = await client.get(f"/api/runs/{other}/status?token={made}")
        posted = await client.post(f"/api/runs/{mine}/cancel?token={made}")
        forged = await client.get(f"/api/runs/{mine}/status?token={made[:-2]}xx")
        session = await client.get(f"/api/llm?sid={other}&token={await token(client, sid=mine)}")
    assert own.status_code == 200
    assert [(one.status_code, one.json()["error"]) for one in (foreign, posted, forged, session)] == [
        (403, "forbidden"),
        (403, "forbidden"),
        (401, "unauthorized"),
        (403, "forbidden"),
    ]


async def test_token_is_good_until_an_hour_after_the_runs_end(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url) as (client, store):
        run_id = await stored(store, "anonymous")
        run = await stored_run(store, run_id)
        answer = (await client.post("/api/stream-tokens", json={"sid": run_id})).json()
    assert datetime.fromisoformat(answer["expiresAt"]) == run.due_at + timedelta(hours=1)


async def test_without_a_secret_any_token_changes_nothing(nats_url: str, mongo_url: str) -> None:
    async with here(nats_url, mongo_url) as (client, store):
        run_id = await stored(store, "anonymous")
        made = await client.post("/api/stream-tokens", json={"runIds": [run_id]})
        for sent in (made.json()["token"], "anything"):
            assert (await client.get(f"/api/runs/{run_id}/status?token={sent}")).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"runIds": []}, 400), ({"runIds": ["a"], "sid": "b"}, 400), ({"runIds": ["nobody"]}, 404)],
)
async def test_token_for_nothing_is_refused(nats_url: str, mongo_url: str, body: dict[str, Any], status: int) -> None:
    async with here(nats_url, mongo_url) as (client, _):
        assert (await client.post("/api/stream-tokens", json=body)).status_code == status
