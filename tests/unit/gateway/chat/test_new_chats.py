"""Who answers a chat, and for how long it is kept: decided by its first request."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.casting.participants import Casting
from gateway.chat.new_chats import new_chat
from gateway.chat.wire_messages import read_body
from gateway.errors import ContextTooLong, InvalidRequest
from gateway.schemas.chat import ChatBody
from gateway.settings import GatewaySettings
from shared.contracts.agents import Agent
from shared.contracts.enums import RunKind, Side
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.routing import Registry, Router, UnknownModel
from support.callers import caller
from support.gateway.app import REGISTRY

SETTINGS = GatewaySettings()
PREMIUM = {"tier": "premium", "contextWindow": 4_000, "maxOutputTokens": 100}
AGENT = Agent(
    id="a1",
    tenant="t1",
    version=3,
    name="Kettle",
    system_prompt="Be kind.",
    provider="demo",
    model="demo-fast",
    temperature=0.2,
    max_tokens=50,
    stop=("END",),
    tools=({"type": "function"},),
    created_at=now(),
    updated_at=now(),
)


def registry() -> Registry:
    demo = REGISTRY.model_dump(by_alias=True)["providers"]
    demo["demo"]["models"]["demo-premium"] = PREMIUM
    return Registry.model_validate({"providers": demo})


def chat(agent: Agent | None = None, orphan_seconds: float = 20.0, **body: Any) -> Run:
    posted = ChatBody.model_validate({"id": "c1", "message": "Hello"} | body)
    return new_chat(
        posted,
        read_body(posted),
        agent,
        caller("ann", "t1"),
        Casting(Router(registry()), temperature=0.7),
        SETTINGS,
        now(),
        orphan_seconds,
    )


def test_run_of_a_chat_has_no_end_and_is_kept_for_thirty_days() -> None:
    run = chat()
    assert (run.kind, run.client_id, run.tenant, run.user, run.total) == (RunKind.CHAT, "c1", "t1", "ann", 1)
    assert run.conversation_id(1) == run.id
    assert run.deadline_at - run.created_at > timedelta(days=30_000)
    assert run.expires_at == run.created_at + timedelta(days=30)
    assert (run.asked_seq, run.asked_at) == (1, run.created_at)
    scenario = run.settings.scenarios[0]
    assert (scenario.judged, scenario.orphan_seconds, run.settings.report) == (False, 20.0, None)
    assert [(one.side, one.content) for one in scenario.given] == [(Side.OPPONENT, "Hello")]


@pytest.mark.parametrize(
    ("body", "model"),
    [
        ({}, "demo-standard"),
        ({"complexity": "simple"}, "demo-fast"),
        ({"complexity": "medium"}, "demo-standard"),
        ({"complexity": "complex"}, "demo-premium"),
        ({"tier": "premium"}, "demo-premium"),
        ({"tier": "premium", "complexity": "simple"}, "demo-premium"),
        ({"model": "demo-fast", "tier": "premium"}, "demo-fast"),
        ({"provider": "other"}, "big"),
        ({"provider": "other", "model": "big"}, "big"),
    ],
)
def test_route(body: dict[str, Any], model: str) -> None:
    assert chat(**body).settings.scenarios[0].agent.model == model


def test_agent_is_the_voice() -> None:
    voice = chat(AGENT).settings.scenarios[0].agent
    assert (voice.agent_id, voice.agent_version, voice.name) == ("a1", 3, "Kettle")
    assert (voice.model, voice.system_prompt, voice.stop) == ("demo-fast", "Be kind.", ("END",))
    assert (voice.temperature, voice.max_tokens, voice.tools) == (0.2, 50, ({"type": "function"},))


def test_request_may_say_otherwise() -> None:
    body: dict[str, Any] = {"system": "Be brief.", "temperature": 1.0, "maxTokens": 70, "stop": [], "tier": "standard"}
    voice = chat(AGENT, **body).settings.scenarios[0].agent
    assert (voice.model, voice.system_prompt, voice.stop) == ("demo-standard", "Be brief.", ())
    assert (voice.temperature, voice.max_tokens) == (1.0, 70)


def test_system_message_is_the_prompt_where_none_is_set() -> None:
    messages = [{"role": "system", "content": "Rhyme."}, {"role": "user", "content": "Hi"}]
    posted: dict[str, Any] = {"message": None, "messages": messages}
    assert chat(**posted).settings.scenarios[0].agent.system_prompt == "Rhyme."
    assert chat(AGENT, **posted).settings.scenarios[0].agent.system_prompt == "Be kind."


def test_most_a_model_writes_bounds_the_answer() -> None:
    assert chat(tier="premium").settings.scenarios[0].agent.max_tokens == 100
    assert chat().settings.scenarios[0].agent.max_tokens == 4096
    with pytest.raises(InvalidRequest):
        chat(tier="premium", maxTokens=101)


def test_what_never_leaves_the_prompt_has_to_fit() -> None:
    with pytest.raises(ContextTooLong):
        chat(tier="premium", system="x" * 16_000)
    with pytest.raises(UnknownModel):
        chat(model="nobody")
