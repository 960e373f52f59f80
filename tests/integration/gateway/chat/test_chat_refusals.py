"""What a chat refuses, before the first byte and with nothing stored."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.builders import ANYBODY
from support.gateway.app import DEAD_NATS, gateway, prepared
from support.gateway.chat_answers import CHAT, asked, reading, said
from support.gateway.environment import Environment, environment

Body = dict[str, Any]


BAD: list[tuple[Body, str]] = [
    ({"id": "c1"}, "messages"),
    ({"id": "c1", "messages": []}, "messages"),
    ({"id": "x" * 10_000, "messages": [said("Hello")]}, "id"),
    ({"id": "c1", "conversationId": "c2", "messages": [said("Hello")]}, "conversationId"),
    (asked(*[said("Hello", f"m{n}") for n in range(51)]), "messages"),
    (asked(said("x" * 10_001)), "messages.0"),
    (asked(said("")), "messages.0"),
    (asked(said("Hello", "x" * 10_000)), "messages.0.id"),
    (asked(said("Hello"), said("Hello", "m2", role="robot")), "messages.1.role"),
    (asked(said("Hello"), {"role": "assistant", "content": "Hi"}), "messages"),
    (asked({"role": "system", "content": "Be kind."}), "messages"),
    (asked(said("Hello"), format="xml"), "format"),
    (asked(said("Hello"), trigger="sing"), "trigger"),
    (asked(said("Hello"), maxTokens=10**6), "maxTokens"),
    (asked(said("Hello \ud800")), "messages.0"),
    (asked(said("Look", parts=[{"type": "file", "mediaType": "image/png", "url": "data:,"}])), "messages.0.parts"),
]


@pytest.mark.parametrize(("body", "field"), BAD)
async def test_bad_request_names_its_field_and_stores_nothing(here: Environment, body: Body, field: str) -> None:
    answer = await here.http.post(CHAT, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert field in [problem["field"] for problem in answer.json()["details"]["fields"]]
    assert await here.store.collection("runs").estimated_document_count() == 0


async def test_bodies_that_cannot_be_read(here: Environment) -> None:
    headers = {"Content-Type": "application/json"}
    for content in (b"\xff\xfe{", b'{"messages": "\xc3("}', b"{", b"[" * 100_000):
        assert (await here.http.post(CHAT, content=content, headers=headers)).status_code == 400
    large = json.dumps(asked(said("Hello"), custom="x" * 5 * 1024 * 1024)).encode()
    refused = await here.http.post(CHAT, content=large, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (413, "too_large")

    async def pieces() -> AsyncIterator[bytes]:
        for place in range(0, len(large), 65_536):
            yield large[place : place + 65_536]

    assert (await here.http.post(CHAT, content=pieces(), headers=headers)).status_code == 413
    assert await here.store.collection("runs").estimated_document_count() == 0


async def test_body_of_two_mebibytes_is_taken(here: Environment) -> None:
    history = [{"role": ("user", "assistant")[n % 2], "content": "x" * 9_000} for n in range(49)]
    body = asked(*history, custom="x" * 2 * 1024 * 1024)
    response, _ = await here.chats.answered(body, "Good day.", seq=50)
    assert response.status_code == 200


async def test_known_history_does_not_count(here: Environment) -> None:
    await here.chats.answered(asked(said("Hello")), "Good day.")
    history = [said("x" * 20_000, f"old{n}") for n in range(60)]
    response, _ = await here.chats.answered(asked(*history, said("And?", "m2")), "So.", seq=4)
    assert response.status_code == 200
    too_long, _ = await here.chats.ask(asked(*history, said("x" * 10_001, "m3")))
    assert (too_long.status_code, too_long.json()["details"]["fields"][0]["field"]) == (400, "messages.60")


async def test_anothers_chat_is_not_there(here: Environment) -> None:
    await here.chats.answered(asked(said("Hello")), "Good day.")
    run = await here.chats.run()
    other = {"X-User-Id": "another"}
    for reference in ("chat-1", run.id):
        assert (await here.http.get(f"{CHAT}/{reference}", headers=other)).status_code == 404
        assert (await here.http.delete(f"{CHAT}/{reference}", headers=other)).status_code == 404
        assert (await here.http.post(f"{CHAT}/{reference}/stop", headers=other)).status_code == 404
    story = await here.story()
    assert (await here.http.get(f"{CHAT}/{story.run.id}")).status_code == 404
    assert (await here.chats.run()).control.wanted.value == "run"


async def test_user_of_the_body_counts_where_no_header_names_one(here: Environment) -> None:
    response, _ = await here.chats.answered(asked(said("Hello"), userId="ann"), "Good day.")
    assert response.status_code == 200
    assert (await here.chats.run()).user == "ann"
    assert (await here.http.get(f"{CHAT}/chat-1")).status_code == 404
    assert (await here.http.get(f"{CHAT}/chat-1", headers={"X-User-Id": "ann"})).status_code == 200


async def test_unknown_models_and_agents(here: Environment) -> None:
    model, _ = await here.chats.ask(asked(said("Hello"), model="nobody"))
    assert (model.status_code, model.json()["error"]) == (400, "invalid_model")
    agent, _ = await here.chats.ask(asked(said("Hello"), agentId="nobody"))
    assert (agent.status_code, agent.json()["error"]) == (400, "invalid_agent")
    window, _ = await here.chats.ask(asked(said("x" * 9_000), system="x" * 32_000))
    assert (window.status_code, window.json()["error"]) == (400, "context_too_long")


async def test_without_a_broker_nothing_is_stored(nats_url: str, mongo_url: str) -> None:
    async with prepared(nats_url, mongo_url, "chat_without_broker") as store:
        async with gateway(DEAD_NATS, mongo_url, "chat_without_broker") as http:
            refused = await http.post(CHAT, json=asked(said("Hello"), chat="chat-without-broker"))
        assert (refused.status_code, refused.json()["error"]) == (503, "unavailable")
        assert await store.runs.find(ANYBODY, "chat-without-broker") is None


async def test_one_stream_too_many(nats_url: str, mongo_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTWARS_STREAMS_PER_USER", "1")
    async with (
        environment(nats_url, mongo_url) as here,
        reading(here.gateways[0], asked(said("Hello"))) as reader,
    ):
        await reader.until("start")
        refused, _ = await here.chats.ask(asked(said("Hello"), chat="chat-2"))
        assert (refused.status_code, refused.json()["error"]) == (429, "too_many_streams")
        resumed = await here.http.get(f"{CHAT}/chat-1/stream")
        assert (resumed.status_code, "retry:" in resumed.text, "data:" in resumed.text) == (200, True, False)
        assert await here.store.runs.find(ANYBODY, "chat-2") is None
        await (await here.chats.engine()).whole("Good day.")
        await reader.rest()
