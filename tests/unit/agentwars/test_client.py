"""The client: answers as values, refusals and silence as errors that say what to do."""

import httpx
import pytest

from agentwars.client import Client
from agentwars.errors import ApiError, ServiceUnavailable, UnusableAnswer, UnusableUrl
from unit.agentwars.scripted_gateway import RUN, ScriptedGateway, message, refused, status


async def test_a_refusal_carries_code_details_and_status() -> None:
    answer = refused(402, "budget_exceeded", "Too dear.", estimatedUsd=0.3, maxBudgetUsd=0.1)
    gateway = ScriptedGateway({"POST /api/scale/start": answer})
    async with gateway.client() as client:
        with pytest.raises(ApiError) as caught:
            await client.start("scale", {})
    error = caught.value
    assert (error.code, error.message, error.status) == ("budget_exceeded", "Too dear.", 402)
    assert error.details == {"estimatedUsd": 0.3, "maxBudgetUsd": 0.1}


async def test_a_proxys_error_page_is_a_refusal_too() -> None:
    page = httpx.Response(502, text="<html>Bad\n gateway</html>", headers={"Retry-After": "7"})
    async with ScriptedGateway({f"GET /api/runs/{RUN}/status": page}).client() as client:
        with pytest.raises(ApiError) as caught:
            await client.run(RUN)
    assert (caught.value.code, caught.value.retry_after) == ("http_502", 7.0)
    assert str(caught.value) == "<html>Bad gateway</html>"


async def test_a_start_whose_answer_was_lost_is_asked_again_under_the_same_key() -> None:
    def lost(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("connection reset", request=request)

    gateway = ScriptedGateway({"POST /api/scale/start": [lost, httpx.Response(200, json={"id": RUN})]})
    async with gateway.client() as client:
        assert (await client.start("scale", {"runs": 1})).id == RUN
    keys = {request.headers["Idempotency-Key"] for request in gateway.requests}
    assert (len(gateway.requests), len(keys)) == (2, 1)


async def test_messages_are_read_to_the_last_page() -> None:
    def page(request: httpx.Request) -> httpx.Response:
        seq = int(request.url.params["sinceSeq"]) + 1
        return httpx.Response(200, json={"messages": [message(1, seq)], "nextSince": seq, "hasMore": seq < 3})

    gateway = ScriptedGateway({f"GET /api/conversations/{RUN}-1/messages": page})
    async with gateway.client() as client:
        assert [one.seq for one in await client.messages(f"{RUN}-1")] == [1, 2, 3]


async def test_what_a_newer_gateway_adds_is_kept() -> None:
    sent = status(brandNew={"answer": 42})
    async with ScriptedGateway({f"GET /api/runs/{RUN}/status": httpx.Response(200, json=sent)}).client() as client:
        assert (await client.run(RUN)).wire() == sent


@pytest.mark.parametrize("answer", [httpx.Response(200, text="<html>"), httpx.Response(200, json={"no": "run"})])
async def test_an_answer_of_something_else_is_named_so(answer: httpx.Response) -> None:
    async with ScriptedGateway({f"GET /api/runs/{RUN}/status": answer}).client() as client:
        with pytest.raises(UnusableAnswer, match="--url"):
            await client.run(RUN)


async def test_silence_names_the_fix() -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    async with ScriptedGateway({f"GET /api/runs/{RUN}/status": nobody}).client() as client:
        with pytest.raises(ServiceUnavailable, match="make up"):
            await client.run(RUN)


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://host", "http://", "http://host:port"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UnusableUrl):
        Client(url)


async def test_a_key_is_sent_as_a_bearer_token() -> None:
    gateway = ScriptedGateway({"GET /api/models": httpx.Response(200, json={"items": []})})
    async with Client("http://gateway.test", key="secret", transport=gateway.transport) as client:
        assert await client.models() == []
    assert gateway.requests[0].headers["Authorization"] == "Bearer secret"
