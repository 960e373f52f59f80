"""Somebody who sends what no client should, on either gateway, while everything else goes on.

What is refused must be refused with a reason, what is accepted must come to its end like anything else, and nothing may
be answered with an error of ours. The system's other people are the witnesses that nobody else is kept waiting.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any
from urllib.parse import urlsplit

from chaos import hostile_provider
from chaos.patient_requests import ask
from chaos.system import System
from support.raw_bodies import Known, RawRequests, Request
from support.raw_client import Broken, RawClient

PAUSE_SECONDS = (0.1, 0.8)
FOREIGN = frozenset({502, 503, 504})
"""A provider that failed, and broker or store that are away: what is said of others."""
POISONED_SHARE = 0.5
PATIENCE_SECONDS = 60.0
MOST_REQUESTS = 1_000_000
OF_OTHERS = ("/api/chat", "/api/admin", "/api/stream", "/api/jobs")
"""Paths at which people chat, letters are kept, and streams do not end."""
AGENT = {"name": "Attacked", "systemPrompt": "Answer.", "provider": "demo", "model": "demo-fast"}
FIRE = "\U0001f525"
LARGE_AGENT = {"name": "large", "systemPrompt": FIRE * 32_000, "provider": "demo", "model": "demo-standard"}

Poison = Callable[[Random, str], tuple[str, bytes]]
"""A path and a body, for an agent's id."""


def _numbers(random: Random, _: str) -> tuple[str, bytes]:
    """Numbers that grow where they are stored and told."""
    numbers = b",".join([b"1e15"] * random.choice([2_000, 12_000, 70_000]))
    part = b'{"type":"text","text":"hi"},{"type":"x","d":[' + numbers + b"]}"
    return "/v1/chat/completions", b'{"model":"fast","messages":[{"role":"user","content":[' + part + b"]}]}"


def _tools(random: Random, _: str) -> tuple[str, bytes]:
    """Arguments and results of tools, as long as a body may be."""
    length = random.choice([1_000, 60_000, 250_000])
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": json.dumps({"a": "y" * length})}}
    messages = [
        {"role": "user", "content": "find it"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": FIRE * (length // 4)},
    ]
    return "/v1/chat/completions", _json({"model": "fast", "messages": messages})


def _hostile_answer(_: Random, __: str) -> tuple[str, bytes]:
    """A question to the provider that answers what none should."""
    model = f"{hostile_provider.NAME}/{hostile_provider.MODELS['fast']}"
    return "/v1/chat/completions", _json({"model": model, "messages": [{"role": "user", "content": "well?"}]})


def _deep(random: Random, _: str) -> tuple[str, bytes]:
    """An agent whose tools are nested."""
    depth = random.choice([40, 180, 250, 990])
    tool = b'[{"name":"t","parameters":' + b'{"a":' * depth + b"1" + b"}" * (depth + 1) + b"]"
    return "/api/agents", b'{"name":"deep","systemPrompt":"p","tools":' + tool + b"}"


def _half_characters(random: Random, agent: str) -> tuple[str, bytes]:
    """Half of a character in a name, a prompt, a key of free JSON."""
    body = {
        "/api/agents": {"name": "\ud800", "systemPrompt": "\udfff", "tools": [{"\ud800": "\udc00"}]},
        "/api/battles/start": {"agentId": agent, "ab": {"x": "\ud800"}},
        "/v1/chat/completions": {"model": "fast", "messages": [{"role": "user", "content": "\ud83d"}]},
    }
    path = random.choice(list(body))
    return path, _json(body[path])


def _large_agent(_: Random, __: str) -> tuple[str, bytes]:
    """A body above what is read at once."""
    return "/api/agents", json.dumps(LARGE_AGENT, ensure_ascii=False).encode()


def _many_personas(random: Random, agent: str) -> tuple[str, bytes]:
    """A start whose document is many times as large as its body."""
    personas = [{"prompt": FIRE * random.choice([10, 1_000, 4_000])} for _ in range(50)]
    body = {"agentId": agent, "personas": personas, "runs": 2, "messageLimit": 2, "systemPrompt": FIRE * 32_000}
    return "/api/scale/start", json.dumps(body | {"maxBudgetUsd": 5}, ensure_ascii=False).encode()


def _fence(random: Random, agent: str) -> tuple[str, bytes]:
    """A text that a pattern may look at for ever."""
    return "/api/promptbro/save", _json({"as": "agent", "agentId": agent, "text": "```" + "\n" * 16_000 + "x"})


def _torn(random: Random, _: str) -> tuple[str, bytes]:
    """JSON that is none."""
    return random.choice(["/api/agents", "/api/scale/start", "/api/chat"]), random.choice(
        [b"", b"[" * 100_000, b'{"a":' + b"9" * 5_000 + b"}", b"\xff\xfe{}", b'{"name":"\xed\xa0\x80"}', b"NaN"]
    )


POISONS: tuple[Poison, ...] = (
    _numbers,
    _tools,
    _hostile_answer,
    _deep,
    _half_characters,
    _large_agent,
    _many_personas,
    _fence,
    _torn,
)


async def attack(system: System, stop: asyncio.Event) -> None:
    """One bad request after the other until it is told to stop."""
    random = Random(f"hostile client of {system.record.seed}")
    agent = str((await ask(system, "POST", "/api/agents", body=AGENT)).json()["id"])
    raw = await _raw_requests(system, agent)
    while not stop.is_set():
        if random.random() < POISONED_SHARE:
            path, content = random.choice(POISONS)(random, agent)
            await _send(system, "POST", path, content)
        else:
            request = next(raw)
            await _send(system, request.operation.method, request.target, request.body, request.headers, request.cuts)
        await asyncio.sleep(random.uniform(*PAUSE_SECONDS))


async def _raw_requests(system: System, agent: str) -> Iterator[Request]:
    """Requests no client library sends, over every route that belongs to nobody else here."""
    document = (await ask(system, "GET", "/openapi.json")).json()
    battle = {"agentId": agent, "messageLimit": 2, "judge": {"enabled": False}}
    bodies = {
        "/api/agents": AGENT,
        "/api/battles/start": battle,
        "/api/scale/start": battle | {"runs": 2, "maxBudgetUsd": 1},
        "/api/estimates": battle,
        "/api/llm": {"prompt": "Please count to 5"},
        "/v1/chat/completions": {"model": "demo-fast", "messages": [{"role": "user", "content": "Please count to 5"}]},
    }
    requests = RawRequests(document, Known(bodies, {"agent_id": [agent]}), system.record.seed)
    return (one for one in requests.some(MOST_REQUESTS) if not one.operation.path.startswith(OF_OTHERS))


async def _send(
    system: System,
    method: str,
    target: str,
    content: bytes | None,
    headers: Sequence[tuple[str, bytes]] = (),
    cuts: Sequence[int] = (),
) -> None:
    """Sends it once: whoever means harm is not patient."""
    address = urlsplit(system.random.choice(system.stack.gateway_urls))
    client = RawClient(address.hostname or "", address.port or 0, PATIENCE_SECONDS)
    try:
        answer = await client.send(method, target, headers, content, cuts)
    except (Broken, TimeoutError):
        # Its gateway was killed, or what it waits for.
        system.record.hostile_answers[0] += 1
        return
    finally:
        await client.close()
    system.record.hostile_answers[answer.status] += 1
    if system.secret.encode() in answer.body:
        system.record.leaks.append(f"the answer to {method} {target[:200]} holds the key")
    if answer.status >= 500 and answer.status not in FOREIGN:
        sent = f"{(content or b'')[:80]!r} of {len(content or b'')} bytes"
        system.record.failings.append(
            f"{method} {target[:200]} answered {answer.status} to {sent}: {answer.body[:200]!r}"
        )


def _json(body: Any) -> bytes:
    """Lone surrogates are escaped, as JSON may."""
    return json.dumps(body).encode()
