"""The caller is settled before every route: by the layer, or the route is one of those that are open to anybody."""

import re
from collections.abc import Iterator

import pytest
from starlette.routing import BaseRoute, Route

from gateway.access.authentication import OPEN
from gateway.access.callers import USER_LENGTH
from gateway.app import Gateway
from support.gateway.app import DEAD_MONGO, DEAD_NATS, alone, client_of, gateway_app

TOO_LONG = {"X-User-Id": "x" * (USER_LENGTH + 1)}


def routes_of(app: Gateway) -> Iterator[tuple[str, str]]:
    """Method and path of every route there is, those that are not in the document too."""
    waiting: list[BaseRoute] = [*app.routes]
    while waiting:
        route = waiting.pop()
        included = getattr(route, "original_router", None)
        if included is not None:
            waiting += included.routes
            continue
        assert isinstance(route, Route), f"{route} is of a kind that has no rule here"
        yield from ((method, route.path) for method in route.methods or ())


async def test_no_route_is_reached_before_its_caller_is_known() -> None:
    async with alone() as (app, client):
        unknown = [(method, path) for method, path in routes_of(app) if path not in OPEN]
        assert len(unknown) > 80
        for method, path in unknown:
            answer = await client.request(method, re.sub(r"\{[^}]*\}", "x", path), headers=TOO_LONG)
            assert answer.status_code == 400, (method, path)
            assert method == "HEAD" or "X-User-Id" in answer.text, (method, path)


async def test_open_routes_are_routes_and_serve_anybody() -> None:
    async with alone() as (app, client):
        assert set(OPEN) <= {path for _, path in routes_of(app)}
        for path in OPEN:
            answer = await client.get(path.replace("{name}", "swagger-ui.css"), headers=TOO_LONG)
            assert answer.status_code in (200, 307, 503), path


@pytest.mark.parametrize("path", ["/api/admin/dead-letters", "/api/admin/dead-letters/1"])
async def test_dead_letters_are_an_operators_whom_everybody_is_on_loopback_only(path: str) -> None:
    for host, status in (("127.0.0.1", 503), ("localhost", 503), ("0.0.0.0", 403)):
        app = gateway_app(DEAD_NATS, DEAD_MONGO, host=host)
        async with client_of(app) as client:
            refused = await client.get(path)
            assert refused.status_code == status, (host, refused.text)
            assert host != "0.0.0.0" or "operator" in refused.json()["message"]
        app.state.store.close()
