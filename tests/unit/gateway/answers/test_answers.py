"""What every answer has, whatever goes wrong: the app alone, with no server behind it."""

import gzip
from collections.abc import AsyncIterator

import pytest
from httpx import ASGITransport, AsyncClient, Response

from support.gateway.app import DEAD_MONGO, DEAD_NATS, alone, gateway_app

START = "/api/battles/start"


async def ask(method: str, path: str, body: bytes | None = None, **headers: str) -> Response:
    async with alone() as (_, client):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.request(method, path, content=body, headers=named)


async def start(body: bytes, content_type: str = "application/json") -> Response:
    return await ask("POST", START, body, Content_Type=content_type)


def assert_refused(answer: Response, status: int, code: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, code)
    assert body["requestId"] == answer.headers["X-Request-Id"]
    assert body["message"].endswith(".")
    assert isinstance(body["details"], dict)


async def test_unknown_path_and_method_have_the_one_shape() -> None:
    assert_refused(await ask("GET", "/nowhere"), 404, "not_found")
    wrong = await ask("DELETE", START)
    assert_refused(wrong, 405, "invalid_request")
    assert wrong.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'{"agentId":"\xff"}',
        b'{"agentId":"\\ud800"}',
        b'{"agentId":"a","temperature":NaN}',
        b'{"agentId":"a","maxBudgetUsd":Infinity}',
        b"[" * 100_000,
        b'{"seed":' + b"1" * 5_000 + b"}",
    ],
)
async def test_body_that_is_no_json_object_is_400(body: bytes) -> None:
    answer = await start(body)
    assert_refused(answer, 400, "invalid_request")
    assert answer.json()["details"]["fields"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_other_content_types_are_415(content_type: str) -> None:
    assert_refused(await start(b'{"agentId":"a"}', content_type), 415, "unsupported_media_type")


async def test_body_over_a_mebibyte_is_413_declared_or_not() -> None:
    large = b'{"agentId":"' + b"a" * 1_048_576 + b'"}'
    assert_refused(await start(large), 413, "too_large")

    async def parts() -> AsyncIterator[bytes]:
        for offset in range(0, len(large), 65_536):
            yield large[offset : offset + 65_536]

    async with alone() as (_, client):
        undeclared = await client.post(START, content=parts(), headers={"Content-Type": "application/json"})
    assert_refused(undeclared, 413, "too_large")


SENT_IDS = [("abc.DEF-1_2", True), ("x" * 128, True), ("x" * 129, False), ("a b", False)]


@pytest.mark.parametrize(("sent", "kept"), SENT_IDS)
async def test_request_id_is_the_callers_if_it_can_stand_in_a_log(sent: str, kept: bool) -> None:
    answer = await ask("GET", "/healthz", X_Request_Id=sent)
    assert (answer.headers["X-Request-Id"] == sent) is kept
    assert answer.headers["X-Request-Id"]


async def test_json_gets_are_never_cached() -> None:
    for path in ("/healthz", "/api/personas", "/api/models", "/openapi.json", "/nowhere"):
        assert (await ask("GET", path)).headers["Cache-Control"] == "no-store"


async def test_localhost_may_read_answers_errors_included_and_others_may_not() -> None:
    for path in ("/healthz", "/nowhere"):
        near = await ask("GET", path, Origin="http://localhost:3000")
        assert near.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
        assert "ETag" in near.headers["Access-Control-Expose-Headers"]
        far = await ask("GET", path, Origin="http://localhost.evil.example")
        assert "Access-Control-Allow-Origin" not in far.headers


async def test_preflight_allows_the_headers_of_the_contract() -> None:
    asked = "authorization, content-type, if-none-match, idempotency-key, last-event-id, x-user-id, x-ai-sdk"
    answer = await ask(
        "OPTIONS",
        START,
        Origin="http://localhost:3000",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers=asked,
    )
    assert answer.status_code == 200


async def test_error_nobody_foresaw_keeps_shape_and_headers_and_says_nothing() -> None:
    async def fail() -> None:
        raise ZeroDivisionError("a secret")

    async with alone() as (app, client):
        app.add_api_route("/fails", fail)
        answer = await client.get("/fails", headers={"Origin": "http://localhost:3000"})
    assert_refused(answer, 500, "internal_error")
    assert "secret" not in answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"


async def test_too_long_user_id_is_400() -> None:
    answer = await ask("GET", "/api/runs", X_User_Id="u" * 129)
    assert_refused(answer, 400, "invalid_request")


async def test_personas_and_models_need_no_server() -> None:
    async with alone() as (_, client):
        personas = (await client.get("/api/personas")).json()["items"]
        models = (await client.get("/api/models")).json()["items"]
    assert [persona["id"] for persona in personas] == ["refund-request", "appointment-booking", "technical-support"]
    assert set(personas[0]) == {"id", "name", "prompt", "goal", "opening", "style"}
    assert models[0]["name"] == "demo-fast"
    assert models[0]["limits"] == {"concurrency": 256, "liveConcurrency": 32}


async def test_not_ready_names_what_is_missing() -> None:
    answer = await ask("GET", "/readyz")
    assert_refused(answer, 503, "unavailable")
    missing = answer.json()["details"]["missing"]
    assert [what.partition(":")[0] for what in missing] == ["broker", "store"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, identity"])
@pytest.mark.parametrize("path", [START, "/api/chat", "/v1/chat/completions", "/api/runs/r/cancel"])
async def test_a_compressed_body_is_refused_by_name(path: str, encoding: str) -> None:
    answer = await ask("POST", path, gzip.compress(b"{}"), Content_Type="application/json", Content_Encoding=encoding)
    error = answer.json()["error"] if path.startswith("/v1") else answer.json()
    assert (answer.status_code, error.get("code", error.get("error"))) == (415, "unsupported_media_type")
    assert encoding in error["message"]


async def test_a_body_that_is_as_it_is_may_say_so() -> None:
    answer = await ask("POST", START, b"{}", Content_Type="application/json", Content_Encoding="identity")
    assert_refused(answer, 400, "invalid_request")


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing", "/v1/chat", "/v1/responses"])
async def test_every_path_of_openais_has_its_errors(path: str) -> None:
    answer = await ask("GET", path)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (404, "invalid_request_error", "not_found")
    assert answer.headers["X-Request-Id"]


async def test_what_nobody_foresaw_leaves_the_connection_usable(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise KeyError("words of a conversation")

    app = gateway_app(DEAD_NATS, DEAD_MONGO)
    app.add_api_route("/api/fails", fails)
    # A server that is raised to closes the connection, and its client's next request on it fails.
    async with AsyncClient(transport=ASGITransport(app), base_url="http://gateway") as client:
        assert_refused(await client.get("/api/fails"), 500, "internal_error")
    app.state.store.close()
    assert "words of a conversation" not in caplog.text


async def test_a_refused_method_names_every_one_of_the_path() -> None:
    for path, methods in (
        ("/api/agents", "GET, HEAD, POST"),
        ("/api/agents/a", "DELETE, GET, HEAD, PUT"),
        ("/api/promptbro/assist", "GET, HEAD, POST"),
        ("/api/battles/start", "POST"),
        ("/api/chat/routed", "POST"),
    ):
        answer = await ask("PATCH", path)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)
