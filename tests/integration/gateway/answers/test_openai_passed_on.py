"""What a caller of /v1 asks for, and what of it reaches the provider, byte by byte."""

from typing import Any

import pytest

from gateway.casting.participants import Casting
from gateway.openai_wire.requests import CompletionBody
from gateway.openai_wire.run_settings import completion_settings
from gateway.settings import GatewaySettings
from gateway.single_answers.runs import answer_run
from shared.contracts.enums import Purpose
from shared.routing import Router
from support.builders import message, turn
from support.byte_provider import COUNTED, STOP, answer, text
from support.callers import caller
from support.workers.environment import WorkerEnvironment

TOOL = {"type": "function", "function": {"name": "find_order", "parameters": {"type": "object"}}}
SAMPLING: dict[str, Any] = {"top_p": 0.9, "presence_penalty": 0.25, "frequency_penalty": -0.5, "temperature": 1.5}
USER = {"role": "user", "content": [{"type": "text", "text": "Say the word"}, {"type": "text", "text": "Hello"}]}


async def reaches_the_provider(workers: WorkerEnvironment, **fields: Any) -> dict[str, Any]:
    """The body of the provider's one call for a question with these fields."""
    async with workers.provider(lambda _: answer(text("Hello"), STOP, COUNTED)) as provider:
        body = CompletionBody.model_validate({"model": "m", "messages": [USER | {"name": "ann"}]} | fields)
        casting = Casting(Router(workers.registry), temperature=0.7)
        run = answer_run(completion_settings(body, casting, GatewaySettings()), caller())
        await workers.store.runs.insert(run)
        (given,) = run.settings.scenarios[0].given
        asked = message(run.id, 1, given.content, author=given.author, run_id=run.id)
        await workers.store.entries.insert(asked)
        agent = run.settings.scenarios[0].agent
        sampled = {"temperature": agent.temperature, "max_tokens": agent.max_tokens}
        job = turn(run, 2, model="m", provider="bytes", purpose=Purpose.ASSIST)
        await workers.ask(job.model_copy(update=sampled))
        await workers.worked(run)
        (call,) = provider.calls
        return call.body


async def test_sampling_reaches_the_provider_as_given(workers: WorkerEnvironment) -> None:
    fields = SAMPLING | {"seed": 42, "tools": [TOOL], "parallel_tool_calls": False, "max_tokens": 77, "stop": ["END"]}
    sent = await reaches_the_provider(workers, **fields)
    assert {name: sent.get(name) for name in fields} == fields
    assert sent["messages"] == [{"role": "user", "content": "ann: Say the word\nHello"}]


@pytest.mark.parametrize("fields", [{}, {"n": 1, "logprobs": False, "tool_choice": "auto", "user": "bob"}])
async def test_what_is_not_asked_for_is_not_sent(workers: WorkerEnvironment, fields: dict[str, Any]) -> None:
    sent = await reaches_the_provider(workers, **fields)
    assert sent.keys() == {"model", "messages", "temperature", "max_tokens", "seed", "stream", "stream_options"}


SCHEMA: dict[str, Any] = {"name": "word", "schema": {"type": "object", "properties": {"a": {}}}, "strict": True}
ALLOWED: dict[str, Any] = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TOOL]}}
NAMED: dict[str, Any] = {"type": "function", "function": {"name": "find_order"}}
OTHER = {"type": "function", "function": {"name": "other"}}


@pytest.mark.parametrize(
    ("asked", "reached"),
    [
        ({"response_format": {"type": "json_schema", "json_schema": SCHEMA}}, {}),
        ({"response_format": {"type": "json_object"}}, {}),
        ({"tools": [TOOL], "tool_choice": "required"}, {}),
        ({"tools": [TOOL], "tool_choice": NAMED}, {}),
        ({"tools": [TOOL, OTHER], "tool_choice": ALLOWED}, {"tools": [TOOL], "tool_choice": "required"}),
    ],
)
async def test_form_of_the_answer_reaches_the_provider(
    workers: WorkerEnvironment, asked: dict[str, Any], reached: dict[str, Any]
) -> None:
    wanted = asked | reached
    sent = await reaches_the_provider(workers, **asked)
    assert {name: sent.get(name) for name in wanted} == wanted


SYSTEM = {"role": "system", "content": "Say hi."}


async def test_instructions_alone_are_answered(workers: WorkerEnvironment) -> None:
    sent = await reaches_the_provider(
        workers, messages=[SYSTEM, SYSTEM | {"role": "developer", "content": "Be brief."}]
    )
    assert sent["messages"][0] == {"role": "system", "content": "Say hi.\n\nBe brief."}
    assert [one["role"] for one in sent["messages"]] == ["system", "user"]
