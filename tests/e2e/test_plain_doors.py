"""The doors for one question and one answer, through the whole stack: OpenAI's clients, EventSource, PromptBro."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import openai
import pytest

from e2e.test_doors import demo_model_that
from e2e.watching import Body, ended_call, new_agent, start_scale, until_ended
from local_stack.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

WHO = [
    {"role": "system", "content": "You are the support agent of Kettle & Co. Ask for the order number."},
    {"role": "user", "content": "I want my money back for the kettle, please. It broke on the second day."},
]


@asynccontextmanager
async def client_of(stack: Stack, gateway: int = 0) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{stack.gateway_urls[gateway]}/v1", api_key="none", max_retries=0) as made:
        yield made


@asynccontextmanager
async def reading(gateway: httpx.AsyncClient, path: str, last_id: str | None = None) -> AsyncIterator[httpx.Response]:
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
    async with gateway.stream("GET", path, headers=headers, timeout=30) as response:
        yield response


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, Body]]:
    """Each event's id and data."""
    last_id = ""
    async for line in response.aiter_lines():
        if line.startswith("id: "):
            last_id = line.removeprefix("id: ")
        if line.startswith("data: "):
            yield last_id, json.loads(line.removeprefix("data: "))


async def test_openai_client_gets_whole_answers_and_streams(stack: Stack) -> None:
    messages: Any = WHO
    async with client_of(stack) as client:
        names = [model.id async for model in await client.models.list()]
        assert "demo/demo-standard" in names
        whole = await client.chat.completions.create(model="demo/demo-standard", messages=messages, seed=1)
        stream = await client.chat.completions.create(
            model="demo-standard", messages=messages, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert whole.choices[0].finish_reason == "stop"
    assert whole.choices[0].message.content
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert len(said.split()) > 3
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    assert {chunk.id for chunk in chunks} == {chunks[0].id}


async def test_openai_client_reads_errors_as_its_own(stack: Stack) -> None:
    messages: Any = WHO
    async with client_of(stack) as client:
        with pytest.raises(openai.NotFoundError) as unknown:
            await client.chat.completions.create(model="nobody", messages=messages)
        with pytest.raises(openai.BadRequestError) as empty:
            await client.chat.completions.create(model="demo-standard", messages=[])
        async with demo_model_that(stack, faults=[{"fault": "500", "rate": 1}]):
            # Nothing of the stream was sent yet, so that its failure has a status.
            with pytest.raises(openai.InternalServerError, match="demo"):
                await client.chat.completions.create(model="demo-standard", messages=messages, stream=True)
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    assert (empty.value.code, empty.value.param) == ("invalid_request", "messages")


async def test_openai_client_that_leaves_stops_the_call(stack: Stack) -> None:
    messages: Any = WHO
    async with demo_model_that(stack, totalSeconds=20, wordsPerChunk=1) as demo:
        since = (await demo.get("/ledger")).json()["next"]
        async with client_of(stack) as client:
            stream = await client.chat.completions.create(model="demo-standard", messages=messages, stream=True)
            async for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    break
            await stream.close()
        async with asyncio.timeout(15):
            call = await ended_call(demo, since)
    assert call["outcome"] == "client_closed"
    assert call["endedAt"] - call["startedAt"] < 15


async def test_tools_pass_through_both_ways(stack: Stack) -> None:
    tool: Any = {"type": "function", "function": {"name": "find_order", "parameters": {"type": "object"}}}
    messages: list[Any] = [{"role": "user", "content": "Please use find_order for 1234."}]
    async with client_of(stack) as client:
        asked = await client.chat.completions.create(model="demo-standard", messages=messages, tools=[tool])
        choice = asked.choices[0]
        assert choice.finish_reason == "tool_calls"
        assert choice.message.tool_calls
        call = choice.message.tool_calls[0]
        assert call.type == "function"
        assert call.function.name == "find_order"
        messages += [
            choice.message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": call.id, "content": "order 1234 is lost at sea"},
        ]
        answered = await client.chat.completions.create(model="demo-standard", messages=messages, tools=[tool])
    assert "lost at sea" in (answered.choices[0].message.content or "")


async def test_eventsource_asks_drops_and_goes_on_elsewhere(stack: Stack, gateways: list[httpx.AsyncClient]) -> None:
    async with demo_model_that(stack, totalSeconds=3, wordsPerChunk=1) as demo:
        since = (await demo.get("/ledger")).json()["next"]
        asked = await gateways[0].post("/api/llm", json={"messages": WHO[1:], "system": WHO[0]["content"]})
        assert asked.status_code == 201
        sid, said, last_id = asked.json()["sid"], "", None
        for attempt in range(20):
            async with reading(gateways[attempt % 2], f"/api/llm?sid={sid}", last_id) as response:
                assert response.status_code == 200
                taken = 0
                async for identity, data in events(response):
                    last_id = identity
                    said += data.get("token", "")
                    taken += 1
                    if data.get("done") or taken == 2:
                        break
            if data.get("done"):
                break
        async with reading(gateways[0], f"/api/llm?sid={sid}", last_id) as after:
            assert after.status_code == 204
        calls = (await demo.get(f"/ledger?since={since}")).json()["calls"]
    messages = (await gateways[0].get(f"/api/runs/{sid}/conversations")).json()
    stored = (await gateways[0].get(f"/api/conversations/{sid}/messages")).json()["messages"]
    assert messages["items"][0]["id"] == sid
    assert said == stored[-1]["content"]
    assert len(calls) == 1


async def test_prompt_in_a_url_is_asked_once(stack: Stack, gateways: list[httpx.AsyncClient]) -> None:
    path = "/api/llm?prompt=Tell%20me%20about%20kettles"
    async with reading(gateways[0], path) as response:
        told = [one async for one in events(response)]
    async with reading(gateways[1], path, told[0][0]) as response:
        again = [one async for one in events(response)]
    async with reading(gateways[1], path, told[-1][0]) as response:
        assert response.status_code == 204
    assert told[-1][1] == {"done": True}
    assert "".join(data.get("token", "") for _, data in told) == told[0][1]["token"] + "".join(
        data.get("token", "") for _, data in again
    )
    assert again[-1] == told[-1]


async def test_report_becomes_a_better_version_of_its_agent(stack: Stack, gateways: list[httpx.AsyncClient]) -> None:
    gateway = gateways[0]
    agent = await new_agent(gateway, "You are a helpful assistant.")
    run_id = await start_scale(gateway, agentId=agent, runs=2, personas=["refund-request"], messageLimit=6, seed=3)
    await until_ended(gateway, run_id)
    body = {"step": "from-report", "reportRunId": run_id}
    asked = await gateway.post("/api/promptbro/assist?mode=session", json=body)
    assert asked.status_code == 201, asked.text
    sid = asked.json()["sid"]
    async with reading(gateways[1], f"/api/promptbro/assist?sid={sid}") as response:
        told = [data async for _, data in events(response)]
    saved = await gateway.post("/api/promptbro/save", json={"sid": sid, "as": "agent", "agentId": agent})
    assert saved.status_code == 201, saved.text
    assert (saved.json()["version"], saved.json()["systemPrompt"]) == (2, told[-1]["text"])
    kept = await gateway.post("/api/promptbro/save", json={"sid": sid, "as": "template", "name": "Kettle"})
    assert (kept.status_code, kept.json()["content"]) == (201, told[-1]["text"])


async def test_goal_becomes_an_agents_criteria(gateways: list[httpx.AsyncClient]) -> None:
    agent = await new_agent(gateways[0], "You are a helpful assistant.")
    asked = {"step": "criteria", "input": "The customer is told that the refund for the kettle is confirmed."}
    sid = (await gateways[0].post("/api/promptbro/assist?mode=session", json=asked)).json()["sid"]
    async with reading(gateways[0], f"/api/promptbro/assist?sid={sid}") as response:
        assert [data async for _, data in events(response)][-1]["text"]
    saved = await gateways[1].post("/api/promptbro/save", json={"sid": sid, "as": "agent", "agentId": agent})
    assert saved.status_code == 201, saved.text
    assert len(saved.json()["criteria"]) >= 3
    assert saved.json()["systemPrompt"] == "You are a helpful assistant."


async def test_stopped_answer_says_so(stack: Stack, gateways: list[httpx.AsyncClient]) -> None:
    async with demo_model_that(stack, totalSeconds=20, wordsPerChunk=1):
        sid = (await gateways[0].post("/api/llm", json={"prompt": "Tell me about kettles"})).json()["sid"]
        async with reading(gateways[0], f"/api/llm?sid={sid}") as response:
            told = events(response)
            await anext(told)
            assert (await gateways[1].post(f"/api/streams/{sid}/stop")).status_code == 202
            rest = [data async for _, data in told]
    assert rest[-1]["error"] == "canceled"
