"""Agents and health through the REST API, on the real servers."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import nats
import pytest
from httpx import AsyncClient

from shared.contracts import subjects
from shared.contracts.breakers import OpenBreaker
from shared.contracts.enums import FailureFamily
from shared.contracts.timestamps import iso, now
from shared.storage import Store


async def json_of(client: AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


# Agents


async def test_agent_is_versioned_listed_and_archived(client: AsyncClient) -> None:
    body = {"name": "A", "systemPrompt": "p", "criteria": ["Is polite.", {"id": "b", "text": "t", "required": False}]}
    created = (await client.post("/api/agents", json=body)).json()
    assert created["criteria"][0] == {"id": "c1", "text": "Is polite.", "required": True}
    path = f"/api/agents/{created['id']}"
    changed = await client.put(path, json={"name": "B", "systemPrompt": "q", "tier": "fast"})
    assert (changed.status_code, changed.json()["version"], changed.json()["criteria"]) == (200, 2, [])
    assert (await json_of(client, path))["name"] == "B"
    assert (await json_of(client, f"{path}?version=1"))["name"] == "A"
    versions = await json_of(client, f"{path}/versions")
    assert [agent["version"] for agent in versions["items"]] == [2, 1]
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.delete(path)).status_code == 404
    refused = await client.post("/api/battles/start", json={"agentId": created["id"]})
    assert refused.json()["error"] == "invalid_agent"


async def test_agents_are_paged_newest_first(client: AsyncClient) -> None:
    names = [f"agent {number}" for number in range(3)]
    for name in names:
        await client.post("/api/agents", json={"name": name, "systemPrompt": "p"})
    first = await json_of(client, "/api/agents?limit=2")
    rest = await json_of(client, f"/api/agents?limit=1&cursor={first['nextCursor']}")
    assert [agent["name"] for agent in first["items"] + rest["items"]] == names[::-1]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "n" * 201}, "name"),
        ({"systemPrompt": "p" * 32_001}, "systemPrompt"),
        ({"systemPrompt": None}, "systemPrompt"),
        ({"temperature": "hot"}, "temperature"),
        ({"tier": "slow"}, "tier"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"endpoint": "mine"}, "endpoint"),
        ({"tools": [{"n": 2**64}]}, "tools.0"),
    ],
)
async def test_bad_agent_is_refused_with_its_field(client: AsyncClient, values: dict[str, Any], field: str) -> None:
    answer = await client.post("/api/agents", json={"name": "n", "systemPrompt": "p"} | values)
    assert answer.status_code == 400
    assert answer.json()["details"]["fields"][0]["field"] == field


# Health


async def test_ready_with_both_servers_and_alive_without(client: AsyncClient) -> None:
    health = await _once(client, "/api/health", lambda health: health["status"] != "down")
    assert (health["broker"]["status"], health["store"]["status"]) == ("up", "up")
    assert (await client.get("/readyz")).status_code == 200
    assert len(health["services"]) == 4
    own = next(service for service in health["services"] if service["service"] == "gateway")
    assert own["status"] == "up"


async def _once(client: AsyncClient, path: str, holds: Callable[[Any], bool]) -> Any:
    """What stands under a path once something holds of it; heard messages take a moment."""
    for _ in range(100):
        seen = await json_of(client, path)
        if holds(seen):
            return seen
        await asyncio.sleep(0.02)
    raise AssertionError(f"{path} never showed what was waited for: {seen}")


async def test_models_are_down_until_a_runner_is_heard(client: AsyncClient, nats_url: str) -> None:
    before = await json_of(client, "/api/health/ai")
    assert (before["status"], {check["status"] for check in before["checks"]}) == ("down", {"down"})
    runner = await nats.connect(nats_url)
    said = {"service": "llm-runner", "pid": 7, "providers": {"demo": {"status": "up"}, "other": {"status": "down"}}}
    await runner.publish(subjects.heartbeat("llm-runner"), b"no json")
    await runner.publish(subjects.heartbeat("llm-runner"), json.dumps(said).encode())
    await runner.flush()
    await runner.close()
    after = await _once(client, "/api/health/ai", lambda health: health["status"] != "down")
    assert after["status"] == "degraded"
    models = (await json_of(client, "/api/models"))["items"]
    assert {(model["provider"], model["status"]) for model in models} == {("demo", "healthy"), ("other", "down")}
    assert {check["service"]: check["health"] for check in after["checks"]} == {"demo": "healthy", "other": "down"}


async def test_a_model_that_is_left_alone_says_until_when_and_why(client: AsyncClient, store: Store) -> None:
    first = (await json_of(client, "/api/models"))["items"][0]
    target, until = f"{first['provider']}/{first['name']}", now() + timedelta(minutes=1)
    over = OpenBreaker(id=target, open_until=now(), family=FailureFamily.CUT, message="it was cut")
    await store.breakers.open(over)
    assert (await json_of(client, "/api/models"))["items"][0] == first
    await store.breakers.open(over.model_copy(update={"open_until": until}))
    shown = (await json_of(client, "/api/models"))["items"][0]
    assert (shown["status"], shown["until"], shown["why"]) == ("cooling_down", iso(until), "it was cut")
    await store.breakers.close(target)
