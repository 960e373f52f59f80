"""/v1 with OpenAI's own client and by hand; the engine's part is told by hand."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from shared.contracts.enums import EndedReason, RunKind, Side, Wanted
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.transcript import Failure
from support.builders import ANYBODY
from support.eventually import eventually
from support.gateway.app import alone
from support.gateway.environment import Environment
from support.gateway.instance import Instance
from support.gateway.story import Story
from support.gateway.writer import stored_run

PATH = "/v1/chat/completions"
MESSAGES: Any = [{"role": "user", "content": "Where is my kettle?"}]
LIMITED = Failure(code="provider_error", message="Wait.", family=Family.RATE_LIMIT, retry_after=7.0)
BODY: dict[str, Any] = {"model": "demo-standard", "messages": MESSAGES}


@pytest.fixture
async def client(here: Environment) -> AsyncIterator[openai.AsyncOpenAI]:
    url = f"{here.gateways[0].url}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=15) as made:
        yield made


async def asked(here: Environment) -> Story:
    """The run behind the one question that is asked."""
    async with asyncio.timeout(15):
        while True:
            runs = await here.store.runs.newest(ANYBODY, RunKind.ASSIST, [], None, 2)
            if runs:
                assert len(runs) == 1
                story = Story(runs[0], here.store, here.connection)
                await story.start()
                return story
            await asyncio.sleep(0.01)


async def begun(here: Environment) -> Story:
    """The answer's first text is there."""
    story = await asked(here)
    await story.delta("At ", seq=2)
    return story


async def told_whole(here: Environment) -> None:
    await (await asked(here)).message(2, content="At sea.", side=Side.AGENT)


async def until_wanted(here: Environment, run_id: str, wanted: Wanted) -> None:
    async with asyncio.timeout(15):
        while True:
            run = await stored_run(here.store, run_id)
            if run.control.wanted is wanted:
                return
            await asyncio.sleep(0.01)


async def test_stream_reaches_the_official_client(here: Environment, client: openai.AsyncOpenAI) -> None:
    asking = asyncio.create_task(client.chat.completions.create(model="demo-standard", messages=MESSAGES, stream=True))
    story = await asked(here)
    await story.delta("At ", seq=2)
    stream = await asking
    await story.message(2, content="At sea.", side=Side.AGENT)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "At sea."
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_whole_answer_reaches_the_official_client(here: Environment, client: openai.AsyncOpenAI) -> None:
    asking = asyncio.create_task(client.chat.completions.create(model="standard", messages=MESSAGES))
    story = await asked(here)
    await story.message(2, content="At sea.", side=Side.AGENT)
    answer = await asking
    assert (answer.choices[0].message.content, answer.model) == ("At sea.", "demo/demo-standard")
    assert answer.id == f"chatcmpl-{story.run.id}"


@pytest.mark.parametrize(
    ("reason", "error", "status"),
    [
        (EndedReason.ERROR, Failure(code="models_unavailable", message="Nobody answers."), 503),
        (EndedReason.ERROR, Failure(code="provider_error", message="It broke."), 502),
        (EndedReason.TIMEOUT, None, 504),
    ],
)
async def test_whole_answer_that_fails_has_a_status(
    here: Environment, client: openai.AsyncOpenAI, reason: EndedReason, error: Failure | None, status: int
) -> None:
    asking = asyncio.create_task(client.chat.completions.create(model="standard", messages=MESSAGES))
    story = await asked(here)
    await story.end_conversation(reason, error)
    with pytest.raises(openai.APIStatusError) as failed:
        await asking
    assert (failed.value.status_code, failed.value.type) == (status, "server_error")


async def test_failure_in_a_stream_is_raised_by_the_official_client(
    here: Environment, client: openai.AsyncOpenAI
) -> None:
    asking = asyncio.create_task(client.chat.completions.create(model="demo-standard", messages=MESSAGES, stream=True))
    story = await asked(here)
    await story.delta("At ", seq=2)
    stream = await asking
    await story.end_conversation(EndedReason.ERROR, Failure(code="provider_error", message="It broke."))
    with pytest.raises(openai.APIError, match="It broke"):
        async for _ in stream:
            pass


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (Failure(code="provider_error", message="No such field.", family=Family.BAD_REQUEST), openai.BadRequestError),
        (Failure(code="invalid_model", message="No such model.", family=Family.MODEL_NOT_FOUND), openai.NotFoundError),
        (
            Failure(code="provider_error", message="Wait.", family=Family.RATE_LIMIT, retry_after=7),
            openai.RateLimitError,
        ),
        (Failure(code="provider_error", message="Your key.", family=Family.AUTH), openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_failure_before_the_first_text_has_its_status(
    here: Environment, client: openai.AsyncOpenAI, failure: Failure, raised: type[openai.APIStatusError], streamed: bool
) -> None:
    asking: asyncio.Task[Any] = asyncio.create_task(
        client.chat.completions.create(model="standard", messages=MESSAGES, stream=streamed)
    )
    story = await asked(here)
    await story.end_conversation(EndedReason.ERROR, failure)
    with pytest.raises(raised) as failed:
        await asking
    wait = failed.value.response.headers.get("Retry-After")
    assert failure.message in failed.value.message
    assert wait == ("7" if failure.retry_after else None)


async def leave_in_the_middle(instance: Instance, body: dict[str, Any], here: Environment) -> Story:
    """Asks, and closes the connection before the answer is there."""
    asking = asyncio.create_task(instance.http.post(PATH, json=body))
    story = await asked(here)
    await story.delta("At ", seq=2)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    return story


@pytest.mark.parametrize("streamed", [False, True])
async def test_client_that_leaves_cancels_the_run(here: Environment, streamed: bool) -> None:
    story = await leave_in_the_middle(here.gateways[0], BODY | {"stream": streamed}, here)
    await until_wanted(here, story.run.id, Wanted.CANCEL)
    await eventually(lambda: not len(here.gateways[0].streams.open_streams))


async def test_stream_holds_nothing_that_is_not_openais(here: Environment) -> None:
    telling = asyncio.create_task(told_whole(here))
    async with here.gateways[0].post(PATH, BODY | {"stream": True}) as client:
        told = await client.rest()
    await telling
    assert told[-1].data == "[DONE]"
    assert (client.retry, client.comments, {event.id for event in told}) == (None, [], {None})
    assert client.response.headers["x-model-name"] == "demo-standard"


async def test_stream_of_a_gateway_that_stops_ends_with_an_error_and_stops_the_call(here: Environment) -> None:
    telling = asyncio.create_task(begun(here))
    async with here.gateways[0].post(PATH, BODY | {"stream": True}) as client:
        story = await telling
        await client.take(2)
        here.gateways[0].streams.open_streams.end_all()
        told = await client.rest()
    assert '"code":"unavailable"' in told[-2].data
    assert told[-1].data == "[DONE]"
    await until_wanted(here, story.run.id, Wanted.CANCEL)


async def test_models_are_listed_and_shown(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in await client.models.list()] == ["demo/demo-standard"]
    assert (await client.models.retrieve("demo/demo-standard")).owned_by == "demo"
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.models.retrieve("nobody")
    assert unknown.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (BODY | {"model": "nobody"}, 404, "model_not_found", "model"),
        (BODY | {"messages": []}, 400, "invalid_request", "messages"),
        (BODY | {"messages": [{"role": "poet", "content": "x"}]}, 400, "invalid_request", "messages.0.role"),
        ({"messages": MESSAGES}, 400, "invalid_request", "model"),
        (BODY | {"messages": MESSAGES * 501}, 400, "invalid_request", "messages"),
        (BODY | {"messages": [{"role": "user", "content": "x" * 40_000}]}, 400, "context_length_exceeded", None),
    ],
)
async def test_what_is_wrong_is_said_in_openais_shape(
    here: Environment, body: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    answer = await here.gateways[0].http.post(PATH, json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert error["message"].endswith(".")
    assert await here.store.collection("runs").estimated_document_count() == 0


async def test_without_broker_and_store_the_answer_is_503_in_openais_shape() -> None:
    async with alone() as (_, client):
        answer: httpx.Response = await client.post(PATH, json=BODY | {"model": "demo-fast"})
        nowhere = await client.get("/v1/nowhere")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]
    assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, "not_found")
