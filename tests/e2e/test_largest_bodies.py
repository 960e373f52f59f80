"""The largest body of every route that starts something, in letters of four bytes: it is taken, and its run ends."""

import asyncio
import json
from typing import Any, Final

import httpx
import pytest

from e2e.watching import until_ended
from local_stack.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

LETTER: Final = "\U0001f600"
NAME, GOAL, PERSONA, MESSAGE, PROMPT = (LETTER * length for length in (200, 4_000, 8_000, 10_000, 32_000))
SHARED: Final = {"maxBudgetUsd": 1_000, "messageLimit": 2}
PERSON: Final = {"prompt": PERSONA, "name": NAME, "goal": GOAL, "opening": MESSAGE, "style": GOAL}
TOOL: Final = {"type": "function", "function": {"name": "f", "description": LETTER * 3_900}}


def body_of(value: Any) -> bytes:
    """The body in letters as they are: escaped, each would take twelve bytes."""
    return json.dumps(value, ensure_ascii=False).encode()


async def post(gateway: httpx.AsyncClient, path: str, value: Any) -> httpx.Response:
    answer = await gateway.post(path, content=body_of(value), headers={"Content-Type": "application/json"}, timeout=120)
    assert answer.status_code < 500, f"{path}: {answer.status_code} {answer.text[:300]}"
    return answer


async def started(gateway: httpx.AsyncClient, path: str, value: Any) -> None:
    """It is accepted, and ends, whatever the model makes of a prompt of such a size."""
    answer = await post(gateway, path, value)
    assert answer.status_code == 202, answer.text[:300]
    status = await until_ended(gateway, answer.json()["id"])
    assert status["completed"] + status["failed"] == status["total"]


async def largest_agent(gateway: httpx.AsyncClient) -> str:
    agent = {
        "name": NAME,
        "description": GOAL,
        "systemPrompt": PROMPT,
        "stop": [NAME] * 4,
        "criteria": [{"id": f"{number}{NAME[:-2]}", "text": GOAL} for number in range(20)],
        "tools": [TOOL] * 20,
    }
    answer = await post(gateway, "/api/agents", agent)
    assert answer.status_code == 201, answer.text[:300]
    return str(answer.json()["id"])


async def test_battles_and_scale_tests(gateways: list[httpx.AsyncClient]) -> None:
    gateway = gateways[0]
    agent = await largest_agent(gateway)
    battle = SHARED | {"agentId": agent, "goal": GOAL, "stop": [NAME] * 4}
    both = battle | {"opponent": {"agentId": agent, "goal": GOAL}, "userMessage": MESSAGE, "systemPrompt": PROMPT}
    await started(gateway, "/api/battles/start", both)
    personas = [PERSON | {"name": f"Person {number}"} for number in range(8)]
    await started(gateway, "/api/scale/start", battle | {"personas": personas, "runs": 10})
    many = [{"prompt": f"{number} {LETTER * 4_000}"} for number in range(50)]
    await started(gateway, "/api/scale/start", battle | {"personas": many, "runs": 10})
    several = [{"goal": GOAL, "opponent": {"persona": PERSON}, "stop": [NAME] * 4}] * 5
    await started(gateway, "/api/battles/start", SHARED | {"agentId": agent, "battles": several})


@pytest.mark.parametrize("beside", ["data", "tools"])
async def test_chats(gateways: list[httpx.AsyncClient], beside: str) -> None:
    gateway = gateways[0]
    file = {"type": "data-x", "data": {"text": LETTER * 15_900}}
    numbers = {"type": "data-x", "data": [1e15] * 3_000}
    tool = {"type": "tool-x", "toolCallId": "c", "state": "output-available", "input": {}, "output": LETTER * 15_900}
    extra = {"data": [{"role": "user", "parts": [file]}] * 2 + [{"role": "user", "parts": [numbers]}]}
    extra["tools"] = [{"role": "assistant", "parts": [tool]}] * 3
    said = [{"id": f"m{number}", "role": "user", "content": LETTER * 3_900} for number in range(10)]
    chat = f"largest-{beside}"
    asked = {"id": chat, "format": "json", "system": LETTER * 8_000, "messages": [*extra[beside], *said]}
    taken = await post(gateway, "/api/chat", asked)
    assert taken.status_code in (200, 400), taken.text[:300]
    if taken.status_code == 400:
        assert taken.json()["error"] == "context_too_long"
    asked["messages"] = [*extra[beside], *([{"role": "assistant", "content": "Yes?"}, said[0]])]
    taken = await post(gateway, "/api/chat", asked | {"id": f"{chat}-2"})
    assert taken.status_code == 200, taken.text[:300]
    more = {"id": f"{chat}-2", "format": "json", "message": {"role": "user", "parts": [said_text(MESSAGE), file]}}
    taken = await post(gateway, "/api/chat", more)
    assert taken.status_code == 200, taken.text[:300]
    shown = await gateway.get(f"/api/chat/{chat}-2")
    assert (shown.status_code, shown.json()["streaming"]) == (200, False)


def said_text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


async def test_single_answers(stack: Stack, gateways: list[httpx.AsyncClient]) -> None:
    """What a model is not shown may be as large as its event; what it is shown, as its window."""
    gateway = gateways[0]
    window = LETTER * 16_000
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": body_of(LETTER * 8_000).decode()}}
    gave = {"role": "tool", "tool_call_id": "c", "content": LETTER * 8_000}
    history = [{"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [call]}, gave]
    for messages in ([{"role": "user", "content": window}], history):
        body = {"model": "demo-fast", "messages": messages, "tools": [TOOL] * 10, "stop": [NAME] * 4}
        answer = await post(gateway, "/v1/chat/completions", body)
        assert answer.status_code == 200, answer.text[:300]
    asked = await post(
        gateway, "/api/llm", {"messages": [{"role": "user", "content": LETTER * 1_000}] * 9, "system": GOAL}
    )
    assert asked.status_code == 201, asked.text[:300]
    context = dict.fromkeys(("goal", "audience", "tone", "constraints"), LETTER * 1_000)
    assist = {"step": "rewrite", "input": PERSONA, "section": NAME, "context": context}
    written = await post(gateway, "/api/promptbro/assist?mode=session", assist)
    assert written.status_code == 201, written.text[:300]
    for sid, path in ((asked, "/api/llm"), (written, "/api/promptbro/assist")):
        async with asyncio.timeout(60):
            told = await gateway.get(f"{path}?sid={sid.json()['sid']}", timeout=60)
        assert "done" in told.text
        await until_ended(gateway, sid.json()["sid"])


async def test_what_is_larger_is_refused_with_its_field_and_bound(gateways: list[httpx.AsyncClient]) -> None:
    """The reproduction: 350 kB of floats, which an event writes four times as long, and a picture of a mebibyte."""
    gateway = gateways[0]
    user = {"role": "user", "content": [said_text("hi"), {"type": "x", "d": [1e15] * 10}]}
    floats = {"model": "fast", "messages": [user]}
    answer = await post(gateway, "/v1/chat/completions", floats)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "messages.0.content.1")
    call = {"id": "c", "function": {"name": "f", "arguments": LETTER * 160_000}}
    spoken = [{"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [call]}]
    answer = await post(gateway, "/v1/chat/completions", {"model": "fast", "messages": [*spoken, spoken[0]]})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "messages.1.tool_calls")
    part = {"type": "data-x", "data": [1e15] * 20_000}
    answer = await post(gateway, "/api/chat", {"message": {"role": "user", "parts": [said_text("hi"), part]}})
    (field,) = answer.json()["details"]["fields"]
    assert (answer.status_code, field["field"], field["bound"]) == (400, "message.parts", 64_000)
