"""Chats through the whole stack: real models' wire, two gateways, cuts, stops, tools and deaths."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from e2e.test_doors import demo_model_that
from e2e.watching import Body, ended_call
from local_stack.stack import Stack
from shared.contracts.identity import new_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

ORPHANED_SECONDS = 40
TOOL: Body = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def counted(number: int) -> str:
    return " ".join(str(one) for one in range(1, number + 1))


def said(text: str) -> Body:
    return {"id": new_id(), "role": "user", "parts": [{"type": "text", "text": text}]}


def asked(chat: str, *messages: Body, **more: Any) -> Body:
    voice = {"provider": "demo", "model": "demo-standard"}
    return {"id": chat, "messages": list(messages), "trigger": "submit-message"} | voice | more


class Reader:
    """Reads an answer's chunks; a broken connection ends it like an end."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.last_id: str | None = None
        self.chunks: list[Body] = []
        self.text = ""
        self._lines = response.aiter_lines()

    async def until_text(self, length: int) -> None:
        async with asyncio.timeout(60):
            while len(self.text) < length and await self._next():
                pass
        assert len(self.text) >= length, self.chunks[-3:]

    async def rest(self) -> list[Body]:
        async with asyncio.timeout(90):
            while await self._next():
                pass
        return self.chunks

    async def _next(self) -> bool:
        try:
            line = await anext(self._lines, None)
        except httpx.TransportError:
            return False
        if line is None:
            return False
        name, _, value = line.partition(": ")
        if name == "id":
            self.last_id = value
        elif name == "data" and value != "[DONE]":
            chunk = json.loads(value)
            self.chunks.append(chunk)
            self.text = "" if chunk["type"] == "reset-step" else self.text + chunk.get("delta", "")
        return True


@asynccontextmanager
async def posted(gateway: httpx.AsyncClient, body: Body, **headers: str) -> AsyncIterator[Reader]:
    async with gateway.stream("POST", "/api/chat", json=body, headers=headers) as response:
        assert response.status_code == 200, (await response.aread()).decode()
        yield Reader(response)


@asynccontextmanager
async def resumed(gateway: httpx.AsyncClient, chat: str, last_id: str | None) -> AsyncIterator[Reader]:
    """The rest of an answer; a gateway that is starting is asked again."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with gateway.stream("GET", f"/api/chat/{chat}/stream", headers=headers) as response:
        assert response.status_code == 200, response.status_code
        yield Reader(response)


async def answer(gateway: httpx.AsyncClient, body: Body, **headers: str) -> Reader:
    async with posted(gateway, body, **headers) as reader:
        await reader.rest()
    return reader


async def messages_of(gateway: httpx.AsyncClient, chat: str) -> list[Body]:
    shown = await gateway.get(f"/api/chat/{chat}")
    assert shown.status_code == 200
    return list(shown.json()["messages"])


async def test_a_chat_goes_on_at_any_gateway(gateways: list[httpx.AsyncClient]) -> None:
    chat = new_id()
    for number in range(1, 6):
        reader = await answer(gateways[number % 2], asked(chat, said(f"Please count to {number}")))
        assert (reader.text, reader.chunks[-1]["type"]) == (counted(number), "finish")
    shown = await messages_of(gateways[0], chat)
    assert [one["content"] for one in shown[1::2]] == [counted(number) for number in range(1, 6)]
    again = asked(chat, said("unknown"), trigger="regenerate-message", messageId=shown[3]["id"])
    assert (await answer(gateways[0], again)).text == counted(2)
    assert [one["content"] for one in (await messages_of(gateways[1], chat))[1::2]] == ["1", "1 2"]


async def test_every_format_has_the_same_text(gateways: list[httpx.AsyncClient]) -> None:
    for format_ in ("data", "text", "sse", "json"):
        body = asked(new_id(), said("count to 9"), format=format_)
        text = (await gateways[0].post("/api/chat", json=body)).text
        match format_:
            case "json":
                text = json.loads(text)["content"]
            case "sse":
                blocks = [line[6:] for line in text.split("\n") if line.startswith("data: {")]
                text = "".join(json.loads(block)["content"] for block in blocks)
            case "data":
                text = "".join(json.loads(line[2:]) for line in text.split("\n") if line.startswith("0:"))
        assert text == counted(9), format_


async def test_ten_cuts_over_two_gateways_give_every_word_once(stack: Stack, gateways: list[httpx.AsyncClient]) -> None:
    chat, text, chunks = new_id(), "", []
    async with demo_model_that(stack, totalSeconds=6, wordsPerChunk=1):
        async with posted(gateways[0], asked(chat, said("count to 300"))) as reader:
            await reader.until_text(20)
        text, last_id, chunks = reader.text, reader.last_id, reader.chunks
        for cut in range(10):
            async with resumed(gateways[cut % 2], chat, last_id) as reader:
                await reader.until_text(30)
            text, last_id, chunks = text + reader.text, reader.last_id, chunks + reader.chunks
        async with resumed(gateways[1], chat, last_id) as reader:
            await reader.rest()
    assert text + reader.text == counted(300)
    assert [one["type"] for one in chunks + reader.chunks].count("start") == 1
    assert reader.chunks[-1]["type"] == "finish"


async def test_a_gateway_that_dies_breaks_off_and_the_other_goes_on(
    stack: Stack, gateways: list[httpx.AsyncClient]
) -> None:
    chat = new_id()
    async with demo_model_that(stack, totalSeconds=5, wordsPerChunk=1):
        async with posted(gateways[0], asked(chat, said("count to 200"))) as reader:
            await reader.until_text(20)
            stack.process("gateway").kill()
            await reader.rest()
        assert reader.chunks[-1]["type"] == "text-delta"
        async with resumed(gateways[1], chat, reader.last_id) as rest:
            await rest.rest()
    await stack.ready(60)
    assert (reader.text + rest.text, rest.chunks[-1]["type"]) == (counted(200), "finish")


async def test_a_runner_that_dies_begins_anew(stack: Stack, gateways: list[httpx.AsyncClient]) -> None:
    body = asked(new_id(), said("count to 100"))
    async with (
        demo_model_that(stack, totalSeconds=3, wordsPerChunk=1),
        posted(gateways[1], body, **{"X-AI-SDK": "7"}) as reader,
    ):
        await reader.until_text(20)
        stack.process("llm-runner").kill()
        await reader.rest()
    await stack.ready(60)
    assert (reader.text, reader.chunks[-1]["type"]) == (counted(100), "finish")
    assert "reset-step" in [chunk["type"] for chunk in reader.chunks]


async def test_a_provider_that_dies_in_the_middle_is_mended(stack: Stack, gateways: list[httpx.AsyncClient]) -> None:
    async with demo_model_that(stack, faults=[{"fault": "once-cut-20", "rate": 1}]):
        seven = await answer(gateways[0], asked(new_id(), said("count to 60")), **{"X-AI-SDK": "7"})
        six = await answer(gateways[0], asked(new_id(), said("count to 61")), **{"X-AI-SDK": "6"})
    assert (seven.text, seven.chunks[-1]["type"]) == (counted(60), "finish")
    assert (six.text.endswith(counted(61)), six.chunks[-1]["type"]) == (True, "finish")
    assert [chunk["type"] for chunk in six.chunks].count("start-step") == 2


async def test_a_stop_keeps_what_there_is_and_the_chat_goes_on(stack: Stack, gateways: list[httpx.AsyncClient]) -> None:
    chat = new_id()
    async with demo_model_that(stack, totalSeconds=30, wordsPerChunk=1) as demo:
        since = (await demo.get("/ledger")).json()["next"]
        async with posted(gateways[0], asked(chat, said("count to 500"))) as reader:
            await reader.until_text(20)
            stopped = await gateways[1].post(f"/api/chat/{chat}/stop")
            at = time.time()
            assert (stopped.status_code, stopped.json()["stopping"]) == (202, True)
            await reader.rest()
        calls = (await demo.get(f"/ledger?since={since}")).json()["calls"]
    assert reader.chunks[-1]["type"] == "abort"
    assert [call["outcome"] for call in calls] == ["client_closed"]
    assert calls[0]["endedAt"] - at < 2
    assert (await messages_of(gateways[1], chat))[1]["content"] == reader.text
    assert (await answer(gateways[1], asked(chat, said("count to 3")))).text == "1 2 3"


async def test_a_stop_ends_an_answer_that_waits_for_its_provider(
    stack: Stack, gateways: list[httpx.AsyncClient]
) -> None:
    chat = new_id()
    faults = [{"fault": "once-429", "rate": 1, "retryAfterSeconds": 100}]
    async with demo_model_that(stack, faults=faults) as demo:
        since = (await demo.get("/ledger")).json()["next"]
        async with posted(gateways[0], asked(chat, said("count to 5"))) as reader:
            await ended_call(demo, since)
            assert (await gateways[1].post(f"/api/chat/{chat}/stop")).json()["stopping"]
            async with asyncio.timeout(5):
                await reader.rest()
    assert (reader.chunks[-1]["type"], reader.text) == ("abort", "")
    assert [one["role"] for one in await messages_of(gateways[0], chat)] == ["user", "assistant"]
    assert (await answer(gateways[1], asked(chat, said("count to 3")))).text == "1 2 3"


@pytest.mark.parametrize(("format_", "seconds"), [("sse", 3), ("ui", ORPHANED_SECONDS)])
async def test_an_answer_that_nobody_reads_is_closed(
    stack: Stack, gateways: list[httpx.AsyncClient], format_: str, seconds: float
) -> None:
    async with demo_model_that(stack, totalSeconds=90, wordsPerChunk=1) as demo:
        since = (await demo.get("/ledger")).json()["next"]
        body = asked(new_id(), said("count to 900"), format=format_)
        async with gateways[0].stream("POST", "/api/chat", json=body) as response:
            async for line in response.aiter_lines():
                if "content" in line or "delta" in line:
                    break
        async with asyncio.timeout(seconds):
            call = await ended_call(demo, since)
    assert call["outcome"] == "client_closed"


async def test_tools_are_called_by_the_client(gateways: list[httpx.AsyncClient]) -> None:
    agent = {"name": "Weather", "systemPrompt": "You know tools.", "provider": "demo", "model": "demo-standard"}
    made = (await gateways[0].post("/api/agents", json=agent | {"tools": [TOOL]})).json()
    chat, question = new_id(), said("Use the weather tool for Bonn")
    reader = await answer(gateways[0], asked(chat, question, agentId=made["id"]))
    call = next(chunk for chunk in reader.chunks if chunk["type"] == "tool-input-available")
    assert (call["toolName"], reader.chunks[-1]["finishReason"]) == ("weather", "tool-calls")
    part = {"type": "dynamic-tool", "toolName": "weather", "toolCallId": call["toolCallId"], "input": call["input"]}
    done = part | {"state": "output-available", "output": {"degrees": 7}}
    identity = reader.chunks[0]["messageId"]
    asking = {"id": identity, "role": "assistant", "parts": [{"type": "step-start"}, done]}
    told = await answer(gateways[1], asked(chat, question, asking, agentId=made["id"]))
    assert '{"degrees":7}' in told.text
    assert told.chunks[0]["messageId"] == identity
    shown = await messages_of(gateways[0], chat)
    assert [one["role"] for one in shown] == ["user", "assistant"]
