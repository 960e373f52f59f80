"""What a caller of /v1 asks for, and what of it reaches the provider, byte by byte."""

from typing import Any

import pytest

from gateway.casting.participants import Casting
from gateway.openai_wire.requests import CompletionBody
from gateway.openai_wire.run_settings import completion_settings
from gateway.settings import GatewaySettings
from gateway.single_answers.runs import answer_run
from integration.llm_runner.world import turn, world
from shared.contracts.enums import Purpose, Side
from shared.routing import ModelEntry, ProviderEntry, Registry, Router
from shared.settings import NatsSettings
from shared.topology.bootstrap import bootstrap
from support.builders import message
from support.byte_provider import COUNTED, STOP, answer, byte_provider, text
from support.callers import caller

TOOL = {"type": "function", "function": {"name": "find_order", "parameters": {"type": "object"}}}
SAMPLING: dict[str, Any] = {"top_p": 0.9, "presence_penalty": 0.25, "frequency_penalty": -0.5, "temperature": 1.5}
USER = {"role": "user", "content": [{"type": "text", "text": "Say the word"}, {"type": "text", "text": "Hello"}]}


async def reaches_the_provider(nats_url: str, mongo_url: str, **fields: Any) -> dict[str, Any]:
    """The body of the provider's one call for a question with these fields."""
    async with (
        world(nats_url, mongo_url) as engine,
        byte_provider(lambda _: answer(text("Hello"), STOP, COUNTED)) as provider,
    ):
        known = ProviderEntry(base_url=provider.base_url, models={"m": ModelEntry()})
        engine.registry = Registry(providers={"bytes": known})
        await bootstrap(engine.client, engine.store, NatsSettings(nats_url=nats_url), engine.registry)
        body = CompletionBody.model_validate({"model": "m", "messages": [USER | {"name": "ann"}]} | fields)
        run = answer_run(
            completion_settings(body, Casting(Router(engine.registry), temperature=0.7), GatewaySettings()), caller()
        )
        await engine.store.runs.insert(run)
        (given,) = run.settings.scenarios[0].given
        asked = message(run.id, 1, given.content, author=given.author, run_id=run.id)
        await engine.store.entries.insert(asked)
        agent = run.settings.scenarios[0].agent
        async with engine.runner():
            job = turn(run, 2, "m", provider="bytes", purpose=Purpose.ASSIST, side=Side.AGENT, conversation_id=run.id)
            sampled = {"temperature": agent.temperature, "max_tokens": agent.max_tokens}
            await engine.ask(job.model_copy(update=sampled))
            await engine.settled()
        (call,) = provider.calls
        return call.body


async def test_sampling_reaches_the_provider_as_given(fresh_nats_url: str, mongo_url: str) -> None:
    fields = SAMPLING | {"seed": 42, "tools": [TOOL], "parallel_tool_calls": False, "max_tokens": 77, "stop": ["END"]}
    sent = await reaches_the_provider(fresh_nats_url, mongo_url, **fields)
    assert {name: sent.get(name) for name in fields} == fields
    assert sent["messages"] == [{"role": "user", "content": "Say the word\nHello", "name": "ann"}]


@pytest.mark.parametrize("fields", [{}, {"n": 1, "logprobs": False, "tool_choice": "auto", "user": "bob"}])
async def test_what_is_not_asked_for_is_not_sent(fresh_nats_url: str, mongo_url: str, fields: dict[str, Any]) -> None:
    sent = await reaches_the_provider(fresh_nats_url, mongo_url, **fields)
    assert sent.keys() == {"model", "messages", "temperature", "max_tokens", "seed", "stream", "stream_options"}
