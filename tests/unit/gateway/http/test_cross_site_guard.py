"""What pages of other sites may do: the app alone, as a browser and as other clients ask it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from httpx import AsyncClient, Response

from gateway.http.cors import Cors
from gateway.http.cross_site_guard import ServedHosts
from support.gateway.app import DEAD_MONGO, DEAD_NATS, client_of, gateway_app

ACTS = [
    ("POST", "/api/agents"),
    ("PUT", "/api/agents/a"),
    ("DELETE", "/api/agents/a"),
    ("POST", "/api/runs/r/cancel"),
    ("POST", "/api/chat/c/stop"),
    ("POST", "/api/admin/dead-letters/d/replay"),
    ("POST", "/v1/chat/completions"),
    ("GET", "/api/llm?prompt=hi"),
    ("GET", "/api/llm?sid=s"),
    ("GET", "/api/promptbro/assist?sid=s"),
    ("GET", "/api/chat/c/stream?format=sse"),
]
READS = [
    ("GET", "/api/models"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("HEAD", "/healthz"),
    ("GET", "/v1/models"),
]
FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost.evil.example:3000", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
]
OWN: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://127.0.0.1:5173", "Sec-Fetch-Site": "same-site"},
    {"Origin": "http://gateway"},
    # What a page's own server passed on.
    {"Origin": "https://app.example", "Sec-Fetch-Site": "same-origin"},
]


@asynccontextmanager
async def gateway(**settings: Any) -> AsyncIterator[AsyncClient]:
    app = gateway_app(DEAD_NATS, DEAD_MONGO, **settings)
    async with client_of(app) as client:
        yield client
    app.state.store.close()


def is_foreign(answer: Response) -> bool:
    if answer.status_code != 403:
        return False
    error = answer.json()["error"]
    assert (error["code"] if isinstance(error, dict) else error) == "forbidden"
    assert answer.headers["X-Request-Id"]
    return True


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_a_foreign_page_can_keep_spend_and_stop_nothing(headers: dict[str, str]) -> None:
    async with gateway() as client:
        for method, path in ACTS:
            assert is_foreign(await client.request(method, path, headers=headers)), (method, path)


@pytest.mark.parametrize("headers", OWN, ids=str)
async def test_own_pages_and_what_is_no_browser_may(headers: dict[str, str]) -> None:
    async with gateway() as client:
        for method, path in ACTS:
            assert not is_foreign(await client.request(method, path, headers=headers)), (method, path)


async def test_a_link_to_what_only_shows_is_followed() -> None:
    async with gateway() as client:
        for headers in FOREIGN:
            for method, path in READS:
                answer = await client.request(method, path, headers=headers)
                assert answer.status_code == 200, (method, path)
                assert "access-control-allow-origin" not in answer.headers


async def test_a_listed_origin_may_act() -> None:
    headers = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    for listed in ((), ("https://app.example",)):
        async with gateway(cors_origins=listed) as client:
            assert is_foreign(await client.post("/api/runs/r/cancel", headers=headers)) == (not listed)


HERE = ["localhost", "localhost:8080", "app.localhost:3", "LOCALHOST:1", "localhost.", "127.0.0.1:8080", "127.9.9.9",
        "[::1]:8080", "[::1]", "gateway", "gateways:80", ""]  # fmt: skip
ELSEWHERE = ["attacker.example", "attacker.example:8080", "localhost.evil.example", "127.0.0.1.nip.io:8080",
             "localhost.evil.example.", "1.2.3.4.5", "[::1].evil.example", "127.0.0.1@evil.example"]  # fmt: skip
ADDRESSES = ["192.168.1.20:8080", "8.8.8.8", "0.0.0.0:8080", "[2001:db8::1]:8080"]


@pytest.mark.parametrize("bind", ["127.0.0.1", "::1", "localhost", "0.0.0.0", "box.example"])
def test_a_gateway_has_its_own_names_and_no_other(bind: str) -> None:
    hosts = ServedHosts(bind, ["Agents.example"])
    assert [host for host in HERE if not hosts.holds(host)] == []
    assert [host for host in ELSEWHERE if hosts.holds(host)] == []
    assert hosts.holds("agents.example:8080")
    assert hosts.holds("box.example") == (bind == "box.example")
    beyond = bind in ("0.0.0.0", "box.example")
    assert [host for host in ADDRESSES if hosts.holds(host)] == (ADDRESSES if beyond else [])


async def test_another_name_is_served_nothing() -> None:
    for names in ((), ("attacker.example",)):
        async with gateway(allowed_hosts=names) as client:
            for path in ("/healthz", "/api/agents", "/v1/models", "/nowhere", "/docs", "/"):
                answer = await client.get(path, headers={"Host": "attacker.example:8080"})
                assert is_foreign(answer) == (not names), path


# CORS

PAGE = "http://localhost:3000"


async def preflight(client: AsyncClient, asked: str, method: str = "POST", origin: str = PAGE) -> Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return await client.options(
        "/v1/chat/completions", headers=headers | ({"Access-Control-Request-Headers": asked} if asked else {})
    )


SENT_BY_SDKS = (
    "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-os,x-stainless-package-version,"
    "x-stainless-retry-count,x-stainless-runtime,x-stainless-runtime-version,x-stainless-timeout,"
    "x-stainless-helper-method,x-stainless-anything-new,openai-organization,openai-project,openai-beta,user-agent,"
    "traceparent,tracestate,baggage,sentry-trace,cache-control,pragma,x-requested-with,last-event-id,x-ai-sdk,"
    "idempotency-key,x-idempotency-key,if-none-match,x-user-id,x-request-id"
)


@pytest.mark.parametrize("asked", [SENT_BY_SDKS, SENT_BY_SDKS.upper(), SENT_BY_SDKS.replace(",", ", "), ""])
async def test_a_page_may_send_what_sdks_send(asked: str) -> None:
    async with gateway() as client:
        answer = await preflight(client, asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert {name.strip().lower() for name in asked.split(",") if name} <= allowed
    assert {"GET", "HEAD", "POST", "PUT", "DELETE"} <= set(answer.headers["access-control-allow-methods"].split(", "))


@pytest.mark.parametrize(
    ("asked", "method", "origin"),
    [
        ("content-type,x-evil", "POST", "http://localhost:3000"),
        ("content-type", "TRACE", "http://localhost:3000"),
        ("content-type", "POST", "https://evil.example"),
        ("content-type", "POST", "null"),
    ],
)
async def test_a_page_may_send_nothing_else(asked: str, method: str, origin: str) -> None:
    async with gateway() as client:
        answer = await preflight(client, asked, method, origin)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert ("access-control-allow-origin" in answer.headers) == (origin == "http://localhost:3000")


async def test_errors_are_readable_for_pages_that_may_read_and_for_no_other() -> None:
    async with gateway() as client:
        allowed = await client.get("/nowhere", headers={"Origin": PAGE})
        foreign = await client.get("/nowhere", headers={"Origin": "https://evil.example"})
    assert allowed.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "X-Request-Id" in allowed.headers["access-control-expose-headers"]
    assert "Origin" in allowed.headers["vary"]
    assert "access-control-allow-origin" not in foreign.headers


def test_every_origin_may_be_allowed() -> None:
    every = Cors("", ["*"])
    assert every.allows("https://any.example")
    assert every.headers_for([(b"origin", b"https://any.example")])[0] == (b"access-control-allow-origin", b"*")


# What every answer says


async def test_every_answer_leaves_browsers_nothing_to_guess() -> None:
    async with gateway() as client:
        for method, path in [*READS, ("GET", "/nowhere"), ("POST", "/api/agents"), ("GET", "/v1/nothing")]:
            answer = await client.request(method, path)
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["x-frame-options"] == "DENY"
            assert "server" not in answer.headers


async def test_no_path_leads_to_what_the_host_header_says() -> None:
    async with gateway() as client:
        for path in ("/api/agents/", "/api/models/", "/healthz/", "/v1/models/", "/docs/"):
            answer = await client.get(path, headers={"Host": "localhost:1"})
            assert answer.status_code == 404
            assert "location" not in answer.headers
            assert "message" in (answer.json()["error"] if path.startswith("/v1") else answer.json())
