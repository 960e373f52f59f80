"""Canaries: a key, and a password in an address, reach nobody, whatever a provider does with them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from bson import json_util
from nats.aio.client import Client
from pymongo import MongoClient

from local_stack.stack import Stack
from shared.contracts import subjects
from shared.messaging import history
from support.byte_provider import (
    COUNTED,
    DONE,
    RESET,
    STOP,
    STREAM,
    Call,
    Script,
    Wait,
    answer,
    byte_provider,
    choice,
    frame,
    refusal,
    text,
    tool,
)
from support.servers import own_connection

KEY = "sk-canary-Zq0123456789abcdefghijklmnopqrstuvwxyzXY"
PASSWORD = "canary-password-77"
PART = 10
"""So much of a key is a part of it; less may be shown, as OpenAI itself does."""
READY_SECONDS = 60
LONG = "x" * 270
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]


def _key(call: Call) -> str:
    """What the provider was sent."""
    return call.headers["authorization"].removeprefix("Bearer ")


def _said(call: Call, code: object = None) -> dict[str, object]:
    return {"error": {"message": f"Incorrect API key provided: {_key(call)}. See http://x/y", "code": code}}


def _pieces(key: str, size: int) -> list[bytes]:
    return [text(key[at : at + size]) for at in range(0, len(key), size)]


def _slowly(pieces: list[bytes]) -> list[bytes | Wait]:
    return [step for piece in pieces for step in (piece, Wait(0.04))]


SCRIPTS: dict[str, Callable[[Call], Script]] = {
    "401": lambda call: refusal(401, _said(call, "invalid_api_key")),
    "400": lambda call: refusal(400, {"error": {"message": LONG + _key(call)}}),
    "400-text": lambda call: refusal(400, {"error": f"no {_key(call)}"}),
    "500": lambda call: refusal(500, {"error": {"message": f"Bearer {_key(call)}", "code": _key(call)}}),
    "reason": lambda call: [f"HTTP/1.1 400 {_key(call)}\r\nX: {_key(call)}\r\nContent-Length: 0\r\n\r\n".encode()],
    "redirect": lambda call: refusal(302, b"", Location=f"http://elsewhere/{_key(call)}"),
    "200-error": lambda call: [STREAM, frame(_said(call, "server_error"))],
    "200-key-refused": lambda call: [STREAM, text("Hi"), frame(_said(call, "invalid_api_key"))],
    "200-long-error": lambda call: [STREAM, frame({"error": {"message": LONG + _key(call)}})],
    "cut": lambda call: [STREAM, text(f"It is {_key(call)[:30]}"), Wait(0.05), RESET],
    "no-json": lambda call: [STREAM, f"data: {{{_key(call)}\n\n".encode(), STOP, DONE],
    "no-http": lambda call: [f"{_key(call)} {_key(call)}\r\n\r\n".encode()],
    "finish": lambda call: [STREAM, text("Hi"), choice({}, _key(call)), COUNTED, DONE],
    "echo": lambda call: answer(text(f"It is {_key(call)}.")),
    "echo-in-pieces": lambda call: [STREAM, *_slowly(_pieces(_key(call), 7)), STOP, DONE],
    "echo-in-tokens": lambda call: [STREAM, text("Key: "), *_slowly(_pieces(_key(call), 2)), STOP, DONE],
    "echo-half": lambda call: answer(text(f"It is {_key(call)[:30]}")),
    "echo-tool": lambda call: answer(
        tool(index=0, id=f"id-{_key(call)}", function={"name": "look", "arguments": '{"a":"'}),
        tool(index=0, function={"arguments": _key(call)[:25]}),
        tool(index=0, function={"arguments": _key(call)[25:] + '"}'}),
    ),
    "tool-name": lambda call: answer(tool(index=0, id="a", function={"name": _key(call), "arguments": "{}"})),
    "tool-odd": lambda call: answer(tool(index=0, id="a", function={"name": _key(call), "arguments": "["})),
}
ADDRESSES = {
    "away": f"http://someone:{PASSWORD}@127.0.0.1:9/v1",
    "nobody": f"http://someone:{PASSWORD}@no-such-host.invalid/v1",
    "no-port": f"http://someone:{PASSWORD}@127.0.0.1:port/v1",
    "no-scheme": f"ftp://someone:{PASSWORD}@127.0.0.1/v1",
}


def _registry(base_url: str) -> str:
    models: dict[str, object] = {name: {} for name in SCRIPTS}
    bad = {name: {"baseUrl": address, "models": {f"of-{name}": {}}} for name, address in ADDRESSES.items()}
    hostile = {"baseUrl": base_url, "keyVariable": "EVIL_TOKEN", "models": models}
    return json.dumps({"hostile": hostile, **bad})


@asynccontextmanager
async def _stack(folder: Path) -> AsyncIterator[tuple[Stack, str]]:
    async with byte_provider(lambda call: SCRIPTS[call.model](call)) as provider:
        environment = {"AGENTWARS_PROVIDERS": _registry(provider.base_url), "EVIL_TOKEN": KEY}
        async with Stack(folder, env=environment, demo_model=False) as stack:
            await stack.ready(READY_SECONDS)
            yield stack, provider.base_url.split("/")[2]


async def _asked(gateway: httpx.AsyncClient, model: str, *, stream: bool) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "tools": TOOLS, "stream": stream}
    response = await gateway.post("/v1/chat/completions", json=body)
    return f"{response.headers}{response.text}"


async def _everything(stack: Stack, gateway: httpx.AsyncClient) -> dict[str, str]:
    """All that is told, kept and written, by where it stands."""
    found = {path: (await gateway.get(path)).text for path in ("/api/health", "/api/health/ai", "/api/models")}
    letters = (await gateway.get("/api/admin/dead-letters?limit=500")).json()["items"]
    assert letters
    for letter in letters:
        found[f"letter {letter['id']}"] = (await gateway.get(f"/api/admin/dead-letters/{letter['id']}")).text
    found |= await asyncio.to_thread(_stored, stack.mongo_url)
    async with own_connection(stack.nats_url) as client:
        found |= {name: await _streamed(client, name) for name in (subjects.RUN_EVENTS, subjects.DEAD_LETTERS)}
    return found | {log.name: log.read_text(errors="replace") for log in stack.logs.glob("*.log")}


def _stored(url: str) -> dict[str, str]:
    with MongoClient[dict[str, object]](url) as client:
        database = client["agentwars"]
        names = database.list_collection_names()
        found = {name: json_util.dumps(list(database[name].find())) for name in names}
    assert {"entries", "usage", "generations"} <= set(found)
    return found


async def _streamed(client: Client, stream: str) -> str:
    told = [f"{one.headers}{one.data.decode()}" async for one in history.read(client, stream, ">")]
    assert told
    return "\n".join(told)


def _environments(stack: Stack) -> dict[str, str]:
    return {one.name: Path(f"/proc/{one.pid}/environ").read_text() for one in stack.processes}


def _holds(found: str, secret: str) -> bool:
    return any(secret[at : at + PART] in found for at in range(len(secret) - PART + 1))


@pytest.mark.timeout(240)
async def test_a_key_reaches_nobody_whatever_its_provider_does(data_dir: Path) -> None:
    models = [f"hostile/{name}" for name in SCRIPTS] + [f"{name}/of-{name}" for name in ADDRESSES]
    async with _stack(data_dir) as (stack, address):
        async with httpx.AsyncClient(base_url=stack.gateway_urls[0], timeout=120, trust_env=False) as gateway:
            asked = [_asked(gateway, model, stream=stream) for model in models for stream in (False, True)]
            answers = await asyncio.gather(*asked)
            for named in ("Hi", "It is [key]", "refused the key", "away could not be reached", "cannot be called"):
                assert any(named in one for one in answers), named
            # What the process says of itself comes every five seconds.
            await asyncio.sleep(6)
            found = await _everything(stack, gateway)
        shown = dict(zip([f"{model} {n}" for model in models for n in (1, 2)], answers, strict=True))
        told = found | shown
        assert [where for where, one in told.items() if _holds(one, KEY) or _holds(one, PASSWORD)] == []
        hosts = (address, "127.0.0.1:9", "no-such-host", "url=")
        assert [where for where, one in shown.items() if any(host in one for host in hosts)] == []
        assert [path for path in ("/api/health", "/api/health/ai") if address in found[path]] == []
        given = _environments(stack)
    assert [name for name, one in given.items() if KEY in one] == ["llm-runner-0"]
    assert [name for name, one in given.items() if PASSWORD in one] == ["llm-runner-0"]
