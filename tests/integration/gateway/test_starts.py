"""Starting runs through the REST API, on the real servers."""

import asyncio
import time
from typing import Any

import pytest
from httpx import AsyncClient, Response

from shared.storage import Store
from support.gateway.app import DEAD_MONGO, DEAD_NATS, gateway, gateway_without_store
from support.gateway.writer import stored_run

LONG_TEXT = "x" * 20_000


@pytest.fixture
async def agent_id(client: AsyncClient) -> str:
    return await new_agent(client)


async def new_agent(client: AsyncClient, **values: Any) -> str:
    body = {"name": "Kettle & Co", "systemPrompt": "You are a helpful assistant.", "provider": "demo"} | values
    answer = await client.post("/api/agents", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def battle(client: AsyncClient, agent_id: str, headers: dict[str, str] | None = None, **values: Any) -> Response:
    return await client.post("/api/battles/start", json={"agentId": agent_id, **values}, headers=headers)


async def scale(client: AsyncClient, agent_id: str, **values: Any) -> Response:
    return await client.post("/api/scale/start", json={"agentId": agent_id, **values})


async def test_start_answers_202_with_one_id_and_links(client: AsyncClient, agent_id: str, store: Store) -> None:
    answer = await battle(client, agent_id, goal="A refund is confirmed.", messageLimit=6)
    body = answer.json()
    assert answer.status_code == 202
    assert body["id"] == body["jobId"] == body["runId"]
    assert body["conversationIds"] == [f"{body['id']}-1"]
    assert body["status"] == "queued"
    assert 0 < body["estimatedUsd"] < 0.05
    assert body["links"]["status"] == f"/api/battles/{body['id']}/status"
    run = await stored_run(store, body["id"])
    assert run.control.version == 1


@pytest.mark.parametrize(("start", "asked"), [("/api/battles/start", {}), ("/api/scale/start", {"runs": 2})])
async def test_every_link_of_a_run_leads_somewhere(
    client: AsyncClient, agent_id: str, start: str, asked: dict[str, Any]
) -> None:
    begun = (await client.post(start, json={"agentId": agent_id} | asked)).json()
    listed = (await client.get(begun["links"]["conversations"])).json()["items"]
    assert [one["id"] for one in listed] == begun["conversationIds"]
    found = {name: (await client.head(link)).status_code for name, link in begun["links"].items()}
    assert found == {"status": 200, "events": 200, "messages": 200, "conversations": 200, "report": 202}


async def test_started_run_is_played_by_what_was_asked(client: AsyncClient, agent_id: str, store: Store) -> None:
    answer = await battle(
        client,
        agent_id,
        goal="g",
        model="demo-fast",
        systemPrompt="Say yes.",
        opponent={"personaId": "refund-request"},
        judge={"confidence": 0.9},
        seed=7,
        messageLimit=8,
    )
    run = await stored_run(store, answer.json()["id"])
    scenario = run.settings.conversation(1)
    assert (scenario.agent.provider, scenario.agent.model) == ("demo", "demo-fast")
    assert scenario.agent.system_prompt == "Say yes."
    assert scenario.opponent.system_prompt.startswith("You are Dana.")
    assert scenario.given[0].content.startswith("Hello, the kettle")
    assert scenario.judge is not None
    assert scenario.judge.confidence == 0.9
    assert (run.settings.seed, scenario.seed, scenario.message_limit) == (7, 8, 8)
    assert run.settings.report is None


async def test_several_battles_are_one_run(client: AsyncClient, agent_id: str, store: Store) -> None:
    battles = [{"agentId": agent_id, "goal": "one"}, {"agentId": agent_id, "goal": "two", "messageLimit": 4}]
    answer = await client.post("/api/battles/start", json={"battles": battles, "messageLimit": 6})
    run = await stored_run(store, answer.json()["id"])
    assert run.total == 2
    assert [one.goal for one in run.settings.scenarios] == ["one", "two"]
    assert [one.message_limit for one in run.settings.scenarios] == [6, 4]
    assert run.settings.report is not None


async def test_scale_test_plays_its_personas_in_turn(client: AsyncClient, agent_id: str, store: Store) -> None:
    personas = ["refund-request", {"prompt": "You are Ada and want a cat.", "goal": "A cat."}, "You are in a hurry."]
    answer = await scale(client, agent_id, runCount=4, messageLimit=6, personas=personas, concurrency=2)
    run = await stored_run(store, answer.json()["id"])
    assert (run.total, run.settings.concurrency) == (4, 2)
    prompts = [run.settings.conversation(index).opponent.system_prompt for index in (1, 2, 3, 4)]
    assert prompts[0] == prompts[3] != prompts[1]
    assert run.settings.conversation(2).goal == "A cat."
    assert run.settings.report_reserve_nanos > 0
    assert run.settings.max_budget_nanos == 4 * 50_000_000


BAD_STARTS: list[tuple[dict[str, Any], str]] = [
    ({"goal": LONG_TEXT}, "goal"),
    ({"goal": ""}, "goal"),
    ({"systemPrompt": "  "}, "systemPrompt"),
    ({"messageLimit": 0}, "messageLimit"),
    ({"messageLimit": 26}, "messageLimit"),
    ({"messageLimit": "5"}, "messageLimit"),
    ({"messageLimit": True}, "messageLimit"),
    ({"temperature": 2.1}, "temperature"),
    ({"maxTokens": 4097}, "maxTokens"),
    ({"maxBudgetUsd": 0}, "maxBudgetUsd"),
    ({"maxBudgetUsd": "1"}, "maxBudgetUsd"),
    ({"timeLimitSeconds": 86_401}, "timeLimitSeconds"),
    ({"opens": "nobody"}, "opens"),
    ({"judge": {"confidence": 0.4}}, "judge.confidence"),
    ({"judge": {"enabled": 1}}, "judge.enabled"),
    ({"criteria": ["c"] * 21}, "criteria"),
    ({"criteria": [{"id": "a", "text": "b"}, {"id": "a", "text": "c"}]}, "criteria"),
    ({"opponent": {"personaId": "nobody"}}, "opponent.personaId"),
    ({"opponent": {"persona": "p" * 8_001}}, "opponent.persona.prompt"),
    ({"opponent": {"script": ["hello"]}}, "opponent.script"),
    ({"ab": {"model": "demo-fast"}}, "ab"),
    ({"userMessage": "hi", "opens": "agent"}, "userMessage"),
    ({"id": "has space"}, "id"),
    ({"id": "x" * 65}, "id"),
    ({"seed": -1}, "seed"),
    ({"agentId": None}, "agentId"),
    ({"battles": []}, "battles"),
    ({"battles": [{}] * 11}, "battles"),
    ({"battles": [{"agentId": 5}]}, "battles.0.agentId"),
]


@pytest.mark.parametrize(("values", "field"), BAD_STARTS)
async def test_bad_battle_is_refused_with_its_field(
    client: AsyncClient, agent_id: str, values: dict[str, Any], field: str
) -> None:
    before = (await client.get("/api/runs?limit=1")).json()["items"]
    answer = await client.post("/api/battles/start", json={"agentId": agent_id} | values)
    body = answer.json()
    assert answer.status_code == 400, answer.text
    assert body["error"] == "invalid_request"
    assert [problem["field"] for problem in body["details"]["fields"]] == [field]
    assert body["requestId"] == answer.headers["X-Request-Id"]
    assert (await client.get("/api/runs?limit=1")).json()["items"] == before


@pytest.mark.parametrize("runs", [0, 11, -1, "5", 1.5, True])
async def test_runs_of_a_scale_test_are_1_to_10(client: AsyncClient, agent_id: str, runs: object) -> None:
    for name in ("runs", "runCount"):
        answer = await scale(client, agent_id, **{name: runs})
        assert answer.status_code == 400
        assert answer.json()["details"]["fields"][0]["field"] == name


async def test_unknown_agent_model_and_provider_have_their_codes(client: AsyncClient, agent_id: str) -> None:
    answers = [
        await battle(client, "nobody"),
        await battle(client, agent_id, agentVersion=9),
        await battle(client, agent_id, opponent={"agentId": "nobody"}),
        await battle(client, agent_id, model="gpt-9"),
        await battle(client, agent_id, provider="nowhere"),
        await battle(client, agent_id, judge={"model": "gpt-9"}),
    ]
    assert [answer.status_code for answer in answers] == [400] * 6
    codes = [answer.json()["error"] for answer in answers]
    assert codes == ["invalid_agent"] * 3 + ["invalid_model"] * 3


async def test_estimate_over_the_budget_is_402(client: AsyncClient, agent_id: str) -> None:
    answer = await scale(client, agent_id, runs=10, goal="g", maxBudgetUsd=0.001)
    body = answer.json()
    assert answer.status_code == 402
    assert body["error"] == "budget_exceeded"
    assert body["estimatedUsd"] > body["maxBudgetUsd"] == 0.001
    named = float(body["message"].partition("maxBudgetUsd ")[2].split()[0])
    assert (await scale(client, agent_id, runs=10, goal="g", maxBudgetUsd=named)).status_code == 202


async def test_answer_and_estimate_say_whether_anybody_judges(client: AsyncClient, agent_id: str) -> None:
    for fields, judged in (({}, False), ({"goal": "g"}, True), ({"criteria": ["Polite."]}, True)):
        started = await scale(client, agent_id, runs=2, messageLimit=4, **fields)
        assert (started.status_code, started.json()["judged"]) == (202, judged)
        body = {"agentId": agent_id, "runs": 2, "messageLimit": 4} | fields
        assert (await client.post("/api/estimates", json=body)).json()["judged"] is judged


async def test_estimate_starts_nothing_and_agrees_with_the_start(client: AsyncClient, agent_id: str) -> None:
    body = {"agentId": agent_id, "runs": 3, "goal": "g", "messageLimit": 6}
    before = (await client.get("/api/runs?limit=1")).json()["items"]
    estimate = (await client.post("/api/estimates", json=body)).json()
    assert (await client.get("/api/runs?limit=1")).json()["items"] == before
    assert set(estimate["byPurpose"]) == {"turn", "judge", "report"}
    assert estimate["byPurpose"]["turn"]["calls"] == 18
    assert estimate["tokens"]["total"] == estimate["tokens"]["prompt"] + estimate["tokens"]["completion"]
    started = (await client.post("/api/scale/start", json=body)).json()
    assert started["estimatedUsd"] == estimate["estimatedUsd"]


@pytest.mark.parametrize("header", ["Idempotency-Key", "X-Idempotency-Key"])
async def test_same_key_is_the_same_run(client: AsyncClient, agent_id: str, header: str) -> None:
    key = {header: f"key-{header}-{agent_id}"}
    first = await battle(client, agent_id, key, goal="g")
    again = await battle(client, agent_id, key, goal="g", somethingUnknown=1)
    other = await battle(client, agent_id, key, goal="other")
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert first.json()["id"] == again.json()["id"]
    assert other.json()["error"] == "conflict"
    assert other.json()["details"]["reason"] == "idempotency_mismatch"


async def test_client_id_is_accepted_where_a_run_id_is(client: AsyncClient, agent_id: str) -> None:
    mine = f"mine_{agent_id}"
    first = await battle(client, agent_id, id=mine)
    again = await battle(client, agent_id, id=mine)
    other = await battle(client, agent_id, id=mine, goal="other")
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    status = (await client.get(f"/api/battles/{mine}/status")).json()
    assert status["id"] == first.json()["id"] != mine
    assert status["clientId"] == mine


async def test_racing_starts_on_two_gateways_are_one_run(
    client: AsyncClient, agent_id: str, nats_url: str, mongo_url: str, database: str
) -> None:
    async with gateway(nats_url, mongo_url, database) as second:
        key = {"Idempotency-Key": f"race-{agent_id}"}
        racers = [battle(one, agent_id, key, goal="g", id=f"race-{agent_id}") for one in (client, second) * 10]
        answers = await asyncio.gather(*racers)
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [202]


async def test_start_is_accepted_with_the_broker_away(store: Store, mongo_url: str, database: str) -> None:
    async with gateway(DEAD_NATS, mongo_url, database) as client:
        began = time.monotonic()
        answer = await battle(client, await new_agent(client), goal="g")
        assert answer.status_code == 202
        assert time.monotonic() - began < 2
        status = await client.get(answer.json()["links"]["status"])
        assert status.json()["status"] == "queued"
        run = await stored_run(store, answer.json()["id"])
        assert run.control.handled < run.control.version  # what the sweeper looks for


NEED_THE_STORE = [
    ("POST", "/api/battles/start"),
    ("POST", "/api/scale/start"),
    ("POST", "/api/estimates"),
    ("POST", "/api/agents"),
    ("PUT", "/api/agents/a"),
    ("DELETE", "/api/agents/a"),
    ("GET", "/api/agents"),
    ("GET", "/api/agents/a"),
    ("GET", "/api/agents/a/versions"),
    ("GET", "/api/runs"),
    ("GET", "/api/battles/a/status"),
    ("GET", "/api/battles/a-1/messages"),
    ("GET", "/api/battles/a-1/messages?wait=20"),
    ("GET", "/api/runs/a/conversations"),
    ("GET", "/api/scale/a/report"),
    ("POST", "/api/scale/a/cancel"),
    ("GET", "/readyz"),
]
BODY = {"agentId": "a", "name": "n", "systemPrompt": "p"}


async def test_store_away_is_said_within_two_seconds_everywhere(nats_url: str) -> None:
    async with gateway(nats_url, DEAD_MONGO) as client:
        for method, path in NEED_THE_STORE:
            began = time.monotonic()
            answer = await client.request(method, path, json=BODY if method in ("POST", "PUT") else None)
            assert time.monotonic() - began < 2, path
            assert (answer.status_code, answer.json()["error"]) == (503, "unavailable"), path
            assert int(answer.headers["Retry-After"]) >= 1


async def test_store_known_to_be_away_keeps_nobody_waiting(nats_url: str) -> None:
    async with gateway_without_store(nats_url) as client:
        began = time.monotonic()
        answers = await asyncio.gather(*(client.get(f"/api/battles/{number}/status") for number in range(100)))
        assert {answer.status_code for answer in answers} == {503}
        assert time.monotonic() - began < 2
        stream = await client.get("/api/battles/a/status", headers={"Accept": "text/event-stream"})
        assert (stream.status_code, stream.text.startswith("retry: ")) == (200, True)


async def test_fifty_personas_with_the_largest_agent_are_played(client: AsyncClient, store: Store) -> None:
    """In letters of four bytes: written out for each persona it would be more than the store takes."""
    criteria = ["\U0001f600" * 4_000] * 20
    agent = await new_agent(client, systemPrompt="\U0001f600" * 32_000, criteria=criteria)
    personas = [{"prompt": f"You are person {number} of fifty."} for number in range(50)]
    answer = await scale(client, agent, goal="\U0001f600" * 4_000, personas=personas, runs=10, maxBudgetUsd=1000)
    assert answer.status_code == 202, answer.text
    run = await stored_run(store, answer.json()["id"])
    assert len(run.settings.scenarios) == 50
    assert run.settings.conversation(7).opponent.system_prompt == "You are person 6 of fifty."
