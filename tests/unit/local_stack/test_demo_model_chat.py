"""What the demo model does in a chat: tools, counting, memory, faults for one message."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from local_stack.demo_model import Control, Settings
from unit.local_stack.demo_model_server import DemoModel, demo_model

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer"},
                "unit": {"enum": ["celsius", "fahrenheit"]},
            },
        },
    },
}
TIME: dict[str, Any] = {"type": "function", "function": {"name": "clock"}}
ROME = {"role": "user", "content": "Please get weather for Rome over 3 days."}
SUMMARY = "You keep the summary of a chat. Say it in two sentences."


@pytest.fixture
async def model() -> AsyncIterator[DemoModel]:
    async with demo_model() as running:
        yield running


async def calls(model: DemoModel, **fields: Any) -> list[tuple[str, dict[str, Any]]]:
    """The tools that a whole answer asks for, with their arguments."""
    _, body = await model.chat(**{"tools": [WEATHER, TIME], "messages": [ROME], **fields})
    made = body["choices"][0]["message"].get("tool_calls") or []
    return [(one["function"]["name"], json.loads(one["function"]["arguments"])) for one in made]


async def test_official_client_streams_a_tool_call_in_pieces(model: DemoModel) -> None:
    async with model.openai() as client:
        stream = await client.chat.completions.create(
            model="demo-fast",
            messages=cast("list[ChatCompletionMessageParam]", [ROME]),
            tools=cast("list[ChatCompletionToolParam]", [WEATHER]),
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    pieces = [piece for chunk in chunks if chunk.choices for piece in chunk.choices[0].delta.tool_calls or ()]
    first, *later = pieces
    assert first.id
    assert (first.index, first.function and first.function.name) == (0, "get_weather")
    assert {piece.id for piece in later} == {None}
    assert len(later) > 3
    arguments = json.loads("".join((piece.function and piece.function.arguments) or "" for piece in pieces))
    assert (arguments["city"], arguments["days"]) == ("Rome", 3)
    assert arguments["unit"] in ("celsius", "fahrenheit")
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "tool_calls"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == len(pieces)


async def test_whole_answer_holds_the_same_call(model: DemoModel) -> None:
    _, body = await model.chat(tools=[WEATHER], messages=[ROME], seed=1)
    choice = body["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    _, again = await model.chat(tools=[WEATHER], messages=[ROME], seed=1)
    assert again["choices"] == body["choices"]
    _, other = await model.chat(tools=[WEATHER], messages=[ROME], seed=2)
    assert other["choices"][0]["message"]["tool_calls"][0]["id"] != choice["message"]["tool_calls"][0]["id"]


@pytest.mark.parametrize(
    ("text", "fields", "names"),
    [
        ("Use the tool.", {}, ["get_weather"]),
        ("Ask the clock, then get_weather.", {}, ["get_weather", "clock"]),
        ("How are you?", {}, []),
        ("Use the tool.", {"tool_choice": "none"}, []),
        ("How are you?", {"tool_choice": "required"}, ["get_weather", "clock"]),
        ("How are you?", {"tool_choice": {"type": "function", "function": {"name": "clock"}}}, ["clock"]),
        ("Use the tool.\n\nNo, how are you?", {}, []),
        ("Use the tool.", {"tools": []}, []),
    ],
)
async def test_tools_are_called_when_they_are_asked_for(
    model: DemoModel, text: str, fields: dict[str, Any], names: list[str]
) -> None:
    made = await calls(model, messages=[{"role": "user", "content": text}], **fields)
    assert [name for name, _ in made] == names


async def test_what_tools_gave_is_told(model: DemoModel) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    asked = {"role": "assistant", "content": None, "tool_calls": [call, {**call, "id": "b"}]}
    gave = [{"role": "tool", "tool_call_id": name, "content": f"{name} is sunny"} for name in "ab"]
    text = await model.text(messages=[ROME, asked, *gave], tools=[WEATHER])
    assert text == "Here is what I found out: a is sunny; b is sunny."


async def test_it_counts_as_far_as_it_is_told(model: DemoModel) -> None:
    text = await model.text(messages=[{"role": "user", "content": "Please count to 300."}])
    assert text.split() == [str(number) for number in range(1, 301)]


async def test_cut_tool_call_breaks_off_within_its_arguments(model: DemoModel) -> None:
    body = {"model": "demo-fast+cut-3", "messages": [ROME], "tools": [WEATHER], "stream": True}
    async with model.http.post(f"{model.url}/v1/chat/completions", json=body) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    (call,) = await model.settled_ledger()
    assert (call["outcome"], call["completionTokens"]) == ("fault:cut-3", 3)


async def test_fault_hits_the_message_it_names_and_no_later_one(model: DemoModel) -> None:
    await model.control(faults=[{"fault": "500", "rate": 1, "contains": "kaboom"}])
    named, other = {"role": "user", "content": "kaboom"}, {"role": "user", "content": "Hello."}
    answered = {"role": "assistant", "content": "Well."}
    merged = {"role": "user", "content": "kaboom\n\nHello."}
    conversations = [[named], [other], [named, answered, other], [merged], [other, answered, named]]
    statuses = [(await model.chat(messages=messages))[0] for messages in conversations]
    assert statuses == [500, 200, 200, 200, 500]


async def test_client_that_leaves_a_long_answer_is_noticed() -> None:
    body = {"model": "demo-fast", "messages": [{"role": "user", "content": "Count to 5000"}], "stream": True}
    async with demo_model(Settings(control=Control(time_to_first_token_seconds=0, tokens_per_second=100))) as model:
        async with model.http.post(f"{model.url}/v1/chat/completions", json=body) as response:
            await response.content.readuntil(b"\n\n")
            response.close()
        (call,) = await model.settled_ledger()
    assert call["outcome"] == "client_closed"
    assert 1 <= call["completionTokens"] < 100


async def remember(model: DemoModel, earlier: str, *lines: str) -> str:
    transcript = "\n".join(lines)
    material = f"## Summary so far\n{earlier}\n\n## Transcript\n{transcript}"
    return await model.text(messages=[{"role": "system", "content": SUMMARY}, {"role": "user", "content": material}])


async def test_summary_keeps_names_and_numbers_from_one_to_the_next(model: DemoModel) -> None:
    first = await remember(
        model,
        "None yet.",
        "[1] opponent: Hello, my name is Ada. I live in Rome.",
        "[2] agent: Good day.",
        "[3] opponent: My order is 48213.",
    )
    assert first == (
        "The person began with: Hello, my name is Ada. Named so far: Ada, Rome, 48213. "
        "The agent's last word was: Good day."
    )
    second = await remember(model, first, "[4] agent: It ships on Monday. Bye.", "[5] opponent: And to Oslo?")
    assert second == (
        "The person began with: Hello, my name is Ada. Named so far: Ada, Rome, 48213, Monday, Oslo. "
        "The agent's last word was: It ships on Monday."
    )
    await asyncio.gather(*(remember(model, text) for text in ("", first)))
    roles = {call["role"] for call in await model.settled_ledger()}
    assert roles == {"memory"}


async def test_agent_says_what_it_remembers(model: DemoModel) -> None:
    question = {"role": "user", "content": "What do you remember?"}
    assert await model.text(messages=[question]) == "I see 1 messages. Before them: nothing."
    system = {"role": "system", "content": "Be kind.\n\nSummary of the conversation so far: Ada likes\n| tea."}
    talk = [system, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}, question]
    assert await model.text(messages=talk) == "I see 3 messages. Before them: Ada likes\ntea."
