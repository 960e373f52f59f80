"""The demo model speaks OpenAI's API, as the official client sees it and as the wire shows it."""

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from local_stack.demo_model import Control, Settings
from local_stack.demo_model.answers import PLAIN_ANSWER, cut
from unit.local_stack.demo_model_server import AT_ONCE, COMPLAINT, SHOP_AGENT, DemoModel, demo_model

MESSAGES = cast("list[ChatCompletionMessageParam]", [SHOP_AGENT, COMPLAINT])


@pytest.fixture
async def model() -> AsyncIterator[DemoModel]:
    async with demo_model() as running:
        yield running


async def test_official_client_gets_a_whole_answer(model: DemoModel) -> None:
    async with model.openai() as client:
        answer = await client.chat.completions.create(model="demo-fast", messages=MESSAGES, seed=1)
    text = answer.choices[0].message.content
    assert text is not None
    assert "order number" in text
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == len(text.split())
    assert answer.usage.prompt_tokens == sum(len(str(one["content"]).split()) for one in MESSAGES)


async def test_official_client_streams_the_same_answer_with_usage(model: DemoModel) -> None:
    whole = await model.text(seed=1)
    async with model.openai() as client:
        stream = await client.chat.completions.create(
            model="demo-fast", messages=MESSAGES, seed=1, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert deltas[0].role == "assistant"
    assert "".join(delta.content or "" for delta in deltas) == whole
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == len(whole.split())
    assert len({chunk.id for chunk in chunks}) == 1


async def test_stream_without_usage_ends_with_the_finish_reason_and_done(model: DemoModel) -> None:
    body = {"model": "demo-fast", "messages": MESSAGES, "stream": True}
    async with model.http.post(f"{model.url}/v1/chat/completions", json=body) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = (await response.text()).strip().split("\n\n")
    assert events[-1] == "data: [DONE]"
    assert json.loads(events[-2].removeprefix("data: "))["choices"][0]["finish_reason"] == "stop"
    assert all("usage" not in event for event in events)


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
async def test_token_limit_cuts_with_reason_length(model: DemoModel, limit: str) -> None:
    limits: dict[str, Any] = {limit: 4}
    _, body = await model.chat(**limits)
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == len(body["choices"][0]["message"]["content"].split()) == 4


async def test_stop_sequence_ends_the_answer_before_it(model: DemoModel) -> None:
    text = await model.text(model="demo-plain", stop=["bench", "forty"])
    assert text == "This is a plain answer of the demo model with exactly"


@pytest.mark.parametrize("text", [PLAIN_ANSWER, '{"a": "b c", "d":\n [1, 2]}', " leading", ""])
def test_words_put_together_are_the_text(text: str) -> None:
    assert "".join(cut(text, None, ())[0]) == text


async def test_json_is_answered_when_json_is_asked_for(model: DemoModel) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}
    assert "answer" in json.loads(await model.text(response_format={"type": "json_object"}))
    assert "answer" in json.loads(await model.text(response_format=schema))


async def test_plain_model_ignores_the_prompt(model: DemoModel) -> None:
    answers = {await model.text(model="demo-plain", seed=seed, messages=[COMPLAINT]) for seed in range(3)}
    assert answers == {PLAIN_ANSWER}
    assert len(PLAIN_ANSWER.split()) == 40
    judgement = json.loads(await model.text(model="demo-plain", response_format={"type": "json_object"}))
    assert judgement == {"status": "incomplete", "confidence": 0.9, "criteria": [{"id": "goal", "status": "unmet"}]}


async def test_models_are_listed(model: DemoModel) -> None:
    async with model.openai() as client:
        names = [one.id async for one in client.models.list()]
    assert names == ["demo-fast", "demo-standard", "demo-premium", "demo-plain"]


async def test_unknown_model_is_not_found(model: DemoModel) -> None:
    async with model.openai() as client:
        for name in ("gpt-9", "demo-fast+no-such-fault", "demo-fast+"):
            with pytest.raises(openai.NotFoundError, match=f"'{name}' does not exist".replace("+", r"\+")):
                await client.chat.completions.create(model=name, messages=MESSAGES)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages.0.role"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": 7}, "temperature"),
        ({"n": 2}, "n"),
    ],
)
async def test_wrong_shape_is_a_bad_request_that_names_the_place(
    model: DemoModel, change: dict[str, Any], where: str
) -> None:
    status, body = await model.chat(**change)
    assert status == 400
    assert body["error"]["type"] == "invalid_request_error"
    assert f"'{where}'" in body["error"]["message"]


async def test_malformed_json_is_a_bad_request(model: DemoModel) -> None:
    async with model.http.post(f"{model.url}/v1/chat/completions", data=b"{") as response:
        assert response.status == 400
        assert "not valid JSON" in (await response.json())["error"]["message"]


async def test_refused_requests_are_no_calls(model: DemoModel) -> None:
    await model.chat(model="gpt-9")
    await model.chat(messages=[])
    assert (await model.ledger())["calls"] == []


async def test_key_is_asked_for_when_the_server_was_started_with_one() -> None:
    async with demo_model(Settings(require_key="secret", control=AT_ONCE)) as model:
        async with model.openai("wrong") as client:
            with pytest.raises(openai.AuthenticationError):
                await client.chat.completions.create(model="demo-fast", messages=MESSAGES)
        async with model.openai("secret") as client:
            answer = await client.chat.completions.create(model="demo-fast", messages=MESSAGES)
            assert answer.choices
            assert (await client.models.list()).data


async def test_content_in_parts_and_developer_messages_are_understood(model: DemoModel) -> None:
    parts = [{"type": "text", "text": str(COMPLAINT["content"])}]
    developer = {**SHOP_AGENT, "role": "developer"}
    assert await model.text(messages=[developer, {"role": "user", "content": parts}], seed=1) == await model.text(
        seed=1
    )


async def test_health_answers(model: DemoModel) -> None:
    async with model.http.get(f"{model.url}/healthz") as response:
        assert await response.json() == {"status": "ok"}


async def test_control_changes_what_it_names_and_keeps_the_rest(model: DemoModel) -> None:
    status, control = await model.control(tokensPerSecond=500, wordsPerChunk=3)
    assert status == 200
    assert (control["tokensPerSecond"], control["wordsPerChunk"], control["timeToFirstTokenSeconds"]) == (500, 3, 0)
    async with model.http.get(f"{model.url}/control") as response:
        assert await response.json() == control


@pytest.mark.parametrize(
    "change", [{"speed": 1}, {"tokens_per_second": 5}, {"tokensPerSecond": 0}, {"faults": [{"fault": "x", "rate": 1}]}]
)
async def test_control_refuses_what_it_does_not_know(model: DemoModel, change: dict[str, Any]) -> None:
    status, body = await model.control(**change)
    assert status == 400
    assert body["error"]["type"] == "invalid_request_error"


async def test_pace_is_kept() -> None:
    pace = Control(time_to_first_token_seconds=0.1, tokens_per_second=200)
    async with demo_model(Settings(control=pace)) as model:
        await model.text(model="demo-plain")
        await model.control(totalSeconds=0.2, wordsPerChunk=10)
        await model.text(model="demo-plain")
        first, second = await model.settled_ledger()
    assert 0.295 <= first["endedAt"] - first["startedAt"] < 0.6  # 0.1 s and 39 words after the first
    assert 0.195 <= second["endedAt"] - second["startedAt"] < 0.5
