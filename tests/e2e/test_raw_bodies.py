"""Requests no client library sends, over every route of the OpenAPI: none is a 5xx, what is accepted ends.

RAW_BODIES_SEED and RAW_BODIES_COUNT choose others, and more of them.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from e2e.watching import until_ended
from local_stack.stack import Stack
from shared.storage import Store
from support.raw_bodies import Known, RawRequests, Request
from support.raw_client import Broken, RawClient

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEED: Final = int(os.environ.get("RAW_BODIES_SEED", "18"))
REQUESTS: Final = int(os.environ.get("RAW_BODIES_COUNT", "500"))
COLLECTIONS: Final = ("runs", "agents", "templates", "sessions")
USER: Final = [{"role": "user", "content": "Where is my kettle?"}]
CALL: Final = {"id": "c1", "type": "function", "function": {"name": "find_order", "arguments": '{"id":7}'}}
TOOL: Final = {"type": "function", "function": {"name": "find_order", "parameters": {"type": "object"}}}
AGENT: Final[dict[str, Any]] = {
    "name": "raw",
    "systemPrompt": "Be kind.",
    "criteria": [{"text": "Kind."}],
    "tools": [TOOL],
    "stop": ["X"],
}
TEMPLATE: Final = {"name": "raw", "kind": "raw", "content": "Be {{how}}.", "variables": ["how"]}
PART: Final = {"type": "data-place", "data": {"town": "Bonn", "list": [1, {"deep": True}]}}


async def known(gateway: httpx.AsyncClient) -> Known:
    """One of everything, and a body that is accepted for every path that takes one."""
    agent = await _made(gateway, "/api/agents", AGENT)
    template = await _made(gateway, "/api/prompt-templates", TEMPLATE)
    battle = {"agentId": agent, "messageLimit": 2, "goal": "A refund.", "judge": {"enabled": False}, "seed": 1}
    run = await _made(gateway, "/api/battles/start", battle)
    chat = {"id": "raw-chat", "messages": [{"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Hello"}]}]}
    answered = await gateway.post("/api/chat", json=chat | {"format": "json"})
    assert answered.status_code == 200, answered.text
    sid = await _made(gateway, "/api/llm", {"prompt": "Hello"}, "sid")
    tool = {"type": "tool-x", "toolCallId": "c1", "state": "output-available", "input": {"a": [1]}, "output": {"b": 2}}
    said = {"role": "user", "parts": [{"type": "text", "text": "Hello"}, PART]}
    history = [{"role": "system", "content": "Be kind."}, said, {"role": "assistant", "parts": [tool]}, said]
    posts = {
        f"/api/chat{name}": {"messages": history, "trigger": "submit-message", "format": "json", "system": "Be kind."}
        for name in ("", "/advanced", "/routed", "/managed", "/production")
    }
    wire = [
        {"role": "system", "content": "Be kind."},
        *USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
    ]
    scale = battle | {"runs": 1, "personas": [{"prompt": "You are angry.", "goal": "A refund."}], "maxBudgetUsd": 1}
    bodies: dict[str, Any] = posts | {
        "/api/chat/sse": {"message": {"role": "user", "content": "Hello"}},
        "/api/chat/recover": {"conversationId": "raw-chat", "lastContent": "H"},
        "/api/agents": AGENT,
        "/api/agents/{agent_id}": AGENT,
        "/api/prompt-templates": TEMPLATE,
        "/api/prompt-templates/{template_id}": TEMPLATE,
        "/api/battles/start": battle | {"opponent": {"persona": {"prompt": "You are angry."}}, "criteria": ["Kind."]},
        "/api/scale/start": scale,
        "/api/estimates": scale,
        "/api/scale/{run_id}/retry-failed": {},
        "/api/llm": {"messages": USER, "system": "Be kind.", "temperature": 0.5, "maxTokens": 50, "stop": ["END"]},
        "/api/promptbro/assist": {"step": "brief", "input": "A kettle shop", "context": {"goal": "Sell"}},
        "/api/promptbro/save": {"text": "Be kind.", "as": "template", "name": "Kettle", "kind": "raw"},
        "/api/stream-tokens": {"runIds": [run]},
        "/v1/chat/completions": {
            "model": "demo-fast",
            "messages": [*wire, {"role": "tool", "tool_call_id": "c1", "content": '{"state":"lost"}'}],
            "tools": [TOOL],
            "stop": ["END"],
            "max_tokens": 50,
        },
    }
    conversation = f"{run}-1"
    return Known(
        bodies,
        {
            "agent_id": [agent],
            "template_id": [template],
            "run_id": [run, "raw-chat"],
            "conversation_id": [conversation, run, "raw-chat"],
            "job_id": [run],
            "chat_id": ["raw-chat"],
            "sid": [sid],
            "model": ["demo/demo-fast"],
            "letter_id": ["1"],
        },
    )


async def _made(gateway: httpx.AsyncClient, path: str, body: dict[str, Any], name: str = "id") -> str:
    answer = await gateway.post(path, json=body)
    assert answer.status_code in (201, 202), answer.text
    return str(answer.json()[name])


@dataclass
class Findings:
    """What should not have been, each with the request that brought it about."""

    store: Store
    found: list[str] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    async def ask(self, client: RawClient, request: Request) -> None:
        before = await self._stored()
        what = f"{request.operation.method} {request.target[:120]} {request.headers} {request.about}"
        try:
            answer = await client.send(
                request.operation.method, request.target, request.headers, request.body, request.cuts
            )
        except (Broken, TimeoutError) as error:
            await client.close()
            self.found.append(f"{what}: {error!r}")
            return
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        if answer.status >= 500:
            self.found.append(f"{what}: {answer.status} {answer.body[:200]!r}")
        more = [name for name, was, now in zip(COLLECTIONS, before, await self._stored(), strict=True) if now > was]
        if 400 <= answer.status < 500 and more:
            self.found.append(f"{what}: {answer.status}, and stored in {more} all the same")

    async def _stored(self) -> list[int]:
        """How many documents only the gateway adds to."""
        kept = [self.store.collection(name) for name in COLLECTIONS]
        return list(await asyncio.gather(*(one.estimated_document_count() for one in kept)))


@pytest_asyncio.fixture(loop_scope="session")
async def client(stack: Stack) -> AsyncIterator[RawClient]:
    address = urlsplit(stack.gateway_urls[0])
    made = RawClient(address.hostname or "", address.port or 80)
    yield made
    await made.close()


async def test_no_request_is_a_5xx_and_every_accepted_run_ends(
    gateways: list[httpx.AsyncClient], client: RawClient, store: Store
) -> None:
    document = (await gateways[0].get("/openapi.json")).json()
    requests = RawRequests(document, await known(gateways[0]), SEED)
    findings = Findings(store)
    for request in (*requests.edges(), *requests.some(REQUESTS)):
        await findings.ask(client, request)
    assert not findings.found, "\n".join(findings.found)
    assert findings.statuses.keys() >= {200, 201, 202, 400, 404, 413}, findings.statuses
    await every_run_ends_and_is_shown(gateways[1])


async def every_run_ends_and_is_shown(gateway: httpx.AsyncClient) -> None:
    """Runs end, chats are answered; whatever was taken of them can be read."""
    for kind in ("battle", "scale", "assist"):
        for run in await _listed(gateway, f"/api/runs?kind={kind}"):
            await until_ended(gateway, run["id"])
            for of in ("conversations", "messages"):
                assert (await gateway.get(f"/api/runs/{run['id']}/{of}")).status_code in (200, 400)
    for chat in await _listed(gateway, "/api/chats?"):
        await _answered(gateway, chat["id"])


async def _answered(gateway: httpx.AsyncClient, chat: str) -> None:
    async with asyncio.timeout(60):
        while True:
            shown = await gateway.get(f"/api/chat/{chat}")
            assert shown.status_code == 200, shown.text
            if not shown.json()["streaming"]:
                return
            await asyncio.sleep(0.1)


async def _listed(gateway: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await gateway.get(f"{path}&limit=500" + (f"&cursor={cursor}" if cursor else ""))).json()
        items += page["items"]
        cursor = page["nextCursor"]
    return items
