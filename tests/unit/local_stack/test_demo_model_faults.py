"""Every fault on request, as a client sees it and as the ledger records it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest

from unit.local_stack.demo_model_server import COMPLAINT, SHOP_AGENT, DemoModel, demo_model


@pytest.fixture
async def model() -> AsyncIterator[DemoModel]:
    async with demo_model() as running:
        yield running


async def read_stream(model: DemoModel, name: str, seconds: float = 5) -> tuple[str, bool, BaseException | None]:
    """The text of a stream that may break: what came, whether `[DONE]` did, and what broke it."""
    body = {"model": name, "messages": [SHOP_AGENT, COMPLAINT], "stream": True}
    words: list[str] = []
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with model.http.post(f"{model.url}/v1/chat/completions", json=body, timeout=timeout) as response:
            assert response.status == 200
            async for line in response.content:
                if line.startswith(b"data: {"):
                    words.append(json.loads(line[6:])["choices"][0]["delta"].get("content", ""))
                elif line.startswith(b"data: [DONE]"):
                    return "".join(words), True, None
    except (aiohttp.ClientPayloadError, TimeoutError, json.JSONDecodeError) as error:
        return "".join(words), False, error
    return "".join(words), False, None


async def outcomes(model: DemoModel) -> list[str]:
    return [call["outcome"] for call in await model.settled_ledger()]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_error_status_comes_in_openai_shape(model: DemoModel, status: int) -> None:
    async with model.openai() as client:
        with pytest.raises(openai.APIStatusError) as caught:
            await client.chat.completions.create(
                model=f"demo-fast+{status}", messages=[{"role": "user", "content": "Hello"}]
            )
    assert caught.value.status_code == status
    assert isinstance(caught.value.body, dict)
    assert {"message", "type", "code"} <= caught.value.body.keys()
    assert caught.value.response.headers.get("retry-after") == ("1" if status == 429 else None)
    assert await outcomes(model) == [f"fault:{status}"]


async def test_header_chooses_fault_and_retry_after(model: DemoModel) -> None:
    headers = {"X-Demo-Fault": "429; retry-after=3"}
    body = {"model": "demo-fast", "messages": [COMPLAINT]}
    async with model.http.post(f"{model.url}/v1/chat/completions", json=body, headers=headers) as response:
        assert (response.status, response.headers["retry-after"]) == (429, "3")


@pytest.mark.parametrize("header", ["nonsense", "429; retry-after=soon", "429; colour=red", "cut; after-tokens=-1"])
async def test_unknown_header_is_a_bad_request(model: DemoModel, header: str) -> None:
    status, body = await model.chat(headers={"X-Demo-Fault": header})
    assert status == 400
    assert "X-Demo-Fault" in body["error"]["message"]


@pytest.mark.parametrize("tokens", [0, 5])
async def test_cut_closes_the_connection_after_so_many_tokens(model: DemoModel, tokens: int) -> None:
    text, done, error = await read_stream(model, f"demo-fast+cut-{tokens}")
    assert len(text.split()) == tokens
    assert not done
    assert isinstance(error, aiohttp.ClientPayloadError)
    (call,) = await model.settled_ledger()
    assert (call["outcome"], call["completionTokens"]) == (f"fault:cut-{tokens}", tokens)


async def test_cut_leaves_half_of_a_whole_answer(model: DemoModel) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        await model.chat(model="demo-fast+cut-5")
    assert await outcomes(model) == ["fault:cut-5"]


@pytest.mark.parametrize(("name", "tokens"), [("stall", 1), ("stall-0", 0), ("stall-3", 3)])
async def test_stall_says_no_more_until_the_client_leaves(model: DemoModel, name: str, tokens: int) -> None:
    text, done, error = await read_stream(model, f"demo-fast+{name}", seconds=0.3)
    assert (len(text.split()), done) == (tokens, False)
    assert isinstance(error, TimeoutError)
    (call,) = await model.settled_ledger()
    assert (call["outcome"], call["completionTokens"]) == (f"fault:{name}", tokens)


async def test_malformed_chunk_comes_in_the_middle(model: DemoModel) -> None:
    text, _, error = await read_stream(model, "demo-fast+malformed")
    assert text
    assert isinstance(error, json.JSONDecodeError)
    with pytest.raises(json.JSONDecodeError):
        await model.chat(model="demo-fast+malformed")


async def test_empty_answer_has_no_words_and_ends_properly(model: DemoModel) -> None:
    assert await read_stream(model, "demo-fast+empty") == ("", True, None)
    assert await model.text(model="demo-standard+empty") == ""
    assert await outcomes(model) == ["fault:empty", "fault:empty"]


async def test_refusal(model: DemoModel) -> None:
    assert await model.text(model="demo-fast+refuse") == "I'm sorry, but I can't help with that."
    assert await outcomes(model) == ["fault:refuse"]


@pytest.mark.parametrize("fault", ["500", "429"])
async def test_once_fails_each_prompt_the_first_time_only(model: DemoModel, fault: str) -> None:
    other = [{"role": "user", "content": "Another matter."}]
    name = f"demo-fast+once-{fault}"
    prompts: list[dict[str, Any]] = [{}, {}, {"messages": other}, {"messages": other}]
    statuses = [(await model.chat(model=name, **prompt))[0] for prompt in prompts]
    assert statuses == [int(fault), 200, int(fault), 200]


async def test_rules_of_control_hit_their_share_of_the_role_they_name(model: DemoModel) -> None:
    await model.control(faults=[{"fault": "503", "rate": 0.5, "role": "agent", "retryAfterSeconds": 2}])
    agent = [(await model.chat(messages=[SHOP_AGENT, {"role": "user", "content": f"{n}"}]))[0] for n in range(60)]
    other = [(await model.chat(messages=[{"role": "user", "content": f"{n}"}]))[0] for n in range(20)]
    assert 15 <= agent.count(503) <= 45
    assert set(other) == {200}
    await model.control(faults=[])
    assert (await model.chat())[0] == 200


async def test_rule_of_control_for_a_model_takes_its_parameters(model: DemoModel) -> None:
    await model.control(faults=[{"fault": "cut", "rate": 1, "model": "demo-premium", "afterTokens": 2}])
    assert len((await read_stream(model, "demo-premium"))[0].split()) == 2
    assert (await read_stream(model, "demo-fast"))[1]
