"""The demo model says the same in every dialect, and refuses what the provider it stands for refuses."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from llm_runner.providers.client import HttpProvider
from llm_runner.providers.dialects import dialect_of
from llm_runner.providers.prompt import JsonFormat, Prompt, Role, Sampling, Tool, Turn
from llm_runner.providers.provider import Chunk, ProviderFailure
from llm_runner.providers.read_ticker import ReadTicker
from llm_runner.providers.target import Target
from llm_runner.tool_calls import ToolCallReader
from local_stack.demo_model import Settings
from local_stack.demo_model.answers import PLAIN_ANSWER
from local_stack.demo_model.judge import PLAIN_JUDGEMENT
from local_stack.demo_registry import DEMO_DIALECTS, demo_registry
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import FinishReason
from shared.routing import ProviderEntry
from unit.local_stack.demo_model_server import AT_ONCE, DemoModel, demo_model

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    },
}
TOOL = Tool(WEATHER)
CALLED = {"city": "Rome", "days": 3}
FAULTS = {
    "429": Family.RATE_LIMIT,
    "500": Family.SERVER_ERROR,
    "503": Family.OVERLOADED,
    "cut-3": Family.CUT,
    "malformed": Family.PROTOCOL,
}
every_dialect = pytest.mark.parametrize("dialect", DEMO_DIALECTS)


@dataclass
class Answer:
    """An answer put together."""

    chunks: list[Chunk] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self.chunks)

    @property
    def calls(self) -> list[tuple[str, Any]]:
        reader = ToolCallReader("attempt-1")
        for piece in (piece for chunk in self.chunks for piece in chunk.tool_calls):
            reader.add(piece)
        return [(call.name, json.loads(call.input)) for call in reader.calls("demo")]

    @property
    def finish_reason(self) -> FinishReason | None:
        return next((chunk.finish_reason for chunk in reversed(self.chunks) if chunk.finish_reason), None)

    @property
    def tokens(self) -> tuple[int | None, int | None]:
        counted = [chunk.tokens for chunk in self.chunks if chunk.tokens]
        prompt = [count.prompt for count in counted if count.prompt is not None]
        completion = [count.completion for count in counted if count.completion is not None]
        return prompt[-1], completion[-1]


@pytest.fixture
async def model() -> AsyncIterator[DemoModel]:
    async with demo_model() as running:
        yield running


def entry_of(model: DemoModel, dialect: str) -> tuple[str, ProviderEntry]:
    faults = [f"demo-plain+{fault}" for fault in FAULTS]
    ((name, entry),) = json.loads(demo_registry(model.url, faults, [dialect])).items()
    return name, ProviderEntry.model_validate(entry)


@asynccontextmanager
async def provider_of(model: DemoModel, dialect: str) -> AsyncIterator[HttpProvider]:
    name, entry = entry_of(model, dialect)
    provider = HttpProvider(name, entry, dialect_of(name, entry), None, 2, ReadTicker(0.001))
    try:
        yield provider
    finally:
        await provider.close()


async def asked(model: DemoModel, dialect: str, prompt: Prompt, name: str = "demo-fast") -> Answer:
    """The answer as llm-runner's own client reads it."""
    answer = Answer()
    async with provider_of(model, dialect) as provider:
        await provider.stream(name, prompt, "attempt-1", answer.chunks.append)
    return answer


async def asked_whole(model: DemoModel, dialect: str, prompt: Prompt, name: str = "demo-fast") -> Answer:
    """The answer to a request that asks for no stream."""
    provider, entry = entry_of(model, dialect)
    spoken, target = dialect_of(provider, entry), Target(provider, entry.base_url, name, entry.models[name])
    body = json.loads(spoken.body(target, prompt)) | {"stream": False}
    body.pop("stream_options", None)
    url = entry.base_url + spoken.path(target)
    async with model.http.post(url, json=body, headers=spoken.headers(None)) as response:
        assert response.content_type == "application/json"
        decoder = spoken.decoder(target)
        return Answer([*decoder.feed(await response.read()), *decoder.end()])


def prompt_of(text: str, **fields: Any) -> Prompt:
    sampling = Sampling(temperature=0.5, max_tokens=fields.pop("max_tokens", 400), seed=4)
    return Prompt((Turn(Role.USER, (text,)),), sampling, **fields)


@every_dialect
@pytest.mark.parametrize("ask", [asked, asked_whole])
async def test_a_text_is_the_same_in_every_dialect(dialect: str, ask: Any, model: DemoModel) -> None:
    answer = await ask(model, dialect, prompt_of("Hello there"), "demo-plain")
    assert (answer.text, answer.finish_reason) == (PLAIN_ANSWER, FinishReason.STOP)
    assert answer.tokens == (2, 40)
    (call,) = await model.settled_ledger()
    assert (call["dialect"], call["outcome"], call["completionTokens"]) == (dialect, "finished", 40)


@every_dialect
@pytest.mark.parametrize("ask", [asked, asked_whole])
async def test_a_tool_is_called_alike_in_every_dialect(dialect: str, ask: Any, model: DemoModel) -> None:
    answer = await ask(model, dialect, prompt_of("Please get weather for Rome over 3 days.", tools=(TOOL,)))
    assert (answer.calls, answer.text) == ([("get_weather", CALLED)], "")


@every_dialect
async def test_a_bound_in_tokens_is_kept(dialect: str, model: DemoModel) -> None:
    answer = await asked(model, dialect, prompt_of("Hello there", max_tokens=3), "demo-plain")
    assert (answer.text, answer.finish_reason) == ("This is a", FinishReason.LENGTH)


@every_dialect
async def test_json_is_answered_where_json_is_asked_for(dialect: str, model: DemoModel) -> None:
    answer = await asked(model, dialect, prompt_of("Hello", answer_format=JsonFormat()), "demo-plain")
    assert json.loads(answer.text) == PLAIN_JUDGEMENT


@every_dialect
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_of_one_family_in_every_dialect(dialect: str, fault: str, model: DemoModel) -> None:
    with pytest.raises(ProviderFailure) as failed:
        await asked(model, dialect, prompt_of("Hello there"), f"demo-plain+{fault}")
    assert failed.value.family is FAULTS[fault], failed.value
    if fault == "429" and dialect != "ollama":
        assert failed.value.retry_after == timedelta(seconds=1)


@every_dialect
async def test_a_key_is_asked_for_in_the_dialects_own_header(dialect: str) -> None:
    async with demo_model(Settings(require_key="secret", control=AT_ONCE)) as model:
        with pytest.raises(ProviderFailure) as failed:
            await asked(model, dialect, prompt_of("Hello"), "demo-plain")
        name, entry = entry_of(model, dialect)
        provider = HttpProvider(name, entry, dialect_of(name, entry), "secret", 2, ReadTicker(0.001))
        answer = Answer()
        await provider.stream("demo-plain", prompt_of("Hello"), "attempt-1", answer.chunks.append)
        await provider.close()
    assert (failed.value.family, answer.text) == (Family.AUTH, PLAIN_ANSWER)


USER = {"role": "user", "content": "Hello"}
TOOL_USE = {"type": "tool_use", "id": "t1", "name": "clock", "input": {}}
MESSAGE: dict[str, Any] = {"model": "demo-plain", "max_tokens": 9, "messages": [USER]}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"seed": 4}, "seed"),
        ({"temperature": 1.5}, "temperature"),
        ({"stop_sequences": [" "]}, "stop_sequences"),
        ({"messages": [{"role": "system", "content": "Be kind."}, USER]}, "messages.0.role"),
        ({"messages": [USER, {"role": "assistant", "content": "Well"}]}, "end with a user message"),
        ({"messages": [{"role": "user", "content": " "}]}, "non-whitespace"),
        ({"messages": [USER, {"role": "assistant", "content": [TOOL_USE]}, USER]}, "tool_result"),
    ],
)
async def test_what_anthropic_refuses_is_refused(changed: dict[str, Any], named: str, model: DemoModel) -> None:
    headers = {"anthropic-version": "2023-06-01"}
    async with model.http.post(f"{model.url}/v1/messages", json=MESSAGE | changed, headers=headers) as response:
        told = await response.json()
    assert (response.status, told["type"], told["error"]["type"]) == (400, "error", "invalid_request_error")
    assert named in told["error"]["message"]


async def test_anthropic_is_told_its_version(model: DemoModel) -> None:
    async with model.http.post(f"{model.url}/v1/messages", json=MESSAGE) as response:
        assert response.status == 400
        assert "anthropic-version" in (await response.json())["error"]["message"]


async def test_ollama_takes_arguments_as_objects_only(model: DemoModel) -> None:
    for arguments, status in (({"a": 1}, 200), ('{"a":1}', 400)):
        called = {"role": "assistant", "tool_calls": [{"function": {"name": "clock", "arguments": arguments}}]}
        body = {"model": "demo-plain", "messages": [USER, called, {"role": "tool", "content": "noon"}]}
        async with model.http.post(f"{model.url}/api/chat", json=body) as response:
            assert response.status == status
            if status == 200:
                assert response.content_type == "application/x-ndjson"
            else:
                assert "tool_calls" in (await response.json())["error"]


async def test_gemini_wants_the_signature_of_its_calls_back(model: DemoModel) -> None:
    url = f"{model.url}/v1beta/openai/chat/completions"
    body = {"model": "demo-fast", "tools": [WEATHER], "messages": [{"role": "user", "content": "use the tool"}]}
    async with model.http.post(url, json=body) as response:
        said = (await response.json())["choices"][0]["message"]
    given = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "sunny"}
    async with model.http.post(url, json=body | {"messages": [*body["messages"], said, given]}) as response:
        assert "sunny" in (await response.json())["choices"][0]["message"]["content"]
    del said["tool_calls"][0]["extra_content"]
    async with model.http.post(url, json=body | {"messages": [*body["messages"], said, given]}) as response:
        (told,) = await response.json()
    assert (response.status, told["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert "thought_signature" in told["error"]["message"]
