"""A battle and a tool's call in every dialect, each played by the demo model that speaks it."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from e2e.own_stack import OwnStack, own_stack
from e2e.test_chat import TOOL, answer, asked, said
from e2e.watching import GOOD_PROMPT, Body, transcript, until_ended
from local_stack.demo_registry import DEMO_DIALECTS
from shared.contracts.identity import new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

PACE = ("--time-to-first-token", "0.02", "--tokens-per-second", "400")
GOAL = "The agent confirms the refund of the kettle and says when."
PERSONA = {"persona": {"id": "refund-request"}}
PROVIDERS = {"openai": "demo"} | {name: f"demo-{name}" for name in DEMO_DIALECTS if name != "openai"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnStack]:
    async with own_stack(tmp_path_factory.mktemp("dialects"), {}, PACE, dialects=DEMO_DIALECTS) as running:
        yield running


async def new_agent(gateway: httpx.AsyncClient, dialect: str, **fields: object) -> str:
    body = {
        "name": "Kettle & Co",
        "systemPrompt": GOOD_PROMPT,
        "provider": PROVIDERS[dialect],
        "model": "demo-standard",
    }
    made = await gateway.post("/api/agents", json=body | fields)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def ledger(here: OwnStack, since: int = 0) -> Body:
    """What the demo model says of its calls, from one on."""
    async with httpx.AsyncClient(base_url=str(here.stack.demo_model_url)) as demo:
        told: Body = (await demo.get("/ledger", params={"since": since})).json()
        return told


@pytest.mark.parametrize("dialect", DEMO_DIALECTS)
async def test_a_battle_is_played_and_judged_in_a_dialect(dialect: str, here: OwnStack) -> None:
    gateway, since = here.gateways[0], (await ledger(here))["next"]
    agent = await new_agent(gateway, dialect)
    battle = {"agentId": agent, "goal": GOAL, "opponent": PERSONA, "messageLimit": 8, "seed": 3}
    started = await gateway.post("/api/battles/start", json=battle)
    assert started.status_code == 202, started.text
    run_id = started.json()["runId"]
    status = await until_ended(gateway, run_id)
    assert (status["status"], status["failed"]) == ("complete", 0), status
    await here.assert_all(run_id)
    calls = (await ledger(here, since))["calls"]
    assert {(call["dialect"], call["outcome"], call["stream"]) for call in calls} == {(dialect, "finished", True)}
    assert {call["role"] for call in calls} >= {"agent", "opponent", "judge"}
    messages = await transcript(gateway, f"{run_id}-1")
    assert len(messages) >= 4
    assert all(message["content"] for message in messages)
    usage = status["usage"]
    assert usage["promptTokens"] == sum(call["promptTokens"] for call in calls)
    assert usage["completionTokens"] == sum(call["completionTokens"] for call in calls)


@pytest.mark.parametrize("dialect", DEMO_DIALECTS)
async def test_a_tool_is_called_and_told_in_a_dialect(dialect: str, here: OwnStack) -> None:
    gateway, since = here.gateways[0], (await ledger(here))["next"]
    voice = {"provider": PROVIDERS[dialect], "agentId": await new_agent(gateway, dialect, tools=[TOOL])}
    chat, question = new_id(), said("Use the weather tool for Bonn")
    reader = await answer(gateway, asked(chat, question, **voice))
    call = next(chunk for chunk in reader.chunks if chunk["type"] == "tool-input-available")
    assert (call["toolName"], call["input"]) == ("weather", {"city": "Bonn"})
    assert reader.chunks[-1]["finishReason"] == "tool-calls"
    part = {"type": "dynamic-tool", "toolName": "weather", "toolCallId": call["toolCallId"], "input": call["input"]}
    done = part | {"state": "output-available", "output": {"degrees": 7}}
    asking = {"id": reader.chunks[0]["messageId"], "role": "assistant", "parts": [{"type": "step-start"}, done]}
    told = await answer(gateway, asked(chat, question, asking, **voice))
    assert '{"degrees":7}' in told.text
    calls = (await ledger(here, since))["calls"]
    assert [(call["dialect"], call["outcome"]) for call in calls] == [(dialect, "finished")] * 2
