"""The server's application: its routes and what they answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local_stack.demo_model.chat import Answers, check_key
from local_stack.demo_model.dialects import DIALECTS
from local_stack.demo_model.dialects.openai import OpenAI
from local_stack.demo_model.errors import ApiError, InvalidRequest
from local_stack.demo_model.settings import MODELS, Control, Settings
from local_stack.demo_model.state import State

OPENAI: Final = OpenAI()
"""What is no answer of a model is told as OpenAI does."""


def create_app(settings: Settings) -> Starlette:
    """The demo model as an ASGI application. The ledger's file is opened here and closed when the lifespan ends."""
    state = State.of(settings)
    endpoints = _Endpoints(state)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        state.ledger.close()

    return Starlette(
        routes=[
            *(Route(path, Answers(state, dialect), methods=["POST"]) for path, dialect in DIALECTS.items()),
            Route("/v1/models", endpoints.models),
            Route("/healthz", endpoints.health),
            Route("/ledger", endpoints.ledger),
            Route("/control", endpoints.show_control, methods=["GET"]),
            Route("/control", endpoints.change_control, methods=["PUT"]),
        ],
        exception_handlers={ApiError: _on_api_error},
        lifespan=lifespan,
    )


class _Endpoints:
    def __init__(self, state: State) -> None:
        self._state = state

    async def models(self, request: Request) -> Response:
        headers = {name: value.decode("latin-1") for name, value in request.headers.raw}
        check_key(self._state.settings.require_key, OPENAI, headers)
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "agent-wars-demo"} for name in MODELS]
        return _json({"object": "list", "data": models})

    async def health(self, _: Request) -> Response:
        return _json({"status": "ok"})

    async def ledger(self, request: Request) -> Response:
        """Calls from index `since` on (default 0); `next` is the `since` that shows only newer ones."""
        since = request.query_params.get("since", "0")
        if not since.isdecimal():
            raise InvalidRequest(f"since must be a call's index, a whole number from 0, not '{since}'.")
        ledger = self._state.ledger
        counts = {"inFlight": ledger.in_flight, "maxInFlight": ledger.max_in_flight, "next": ledger.next_index}
        return _json({"calls": ledger.since(int(since)), **counts})

    async def show_control(self, _: Request) -> Response:
        return _json(self._state.control.model_dump(by_alias=True))

    async def change_control(self, request: Request) -> Response:
        """Changes the named fields for the calls that begin from now on; the others stay as they are."""
        try:
            changes = orjson.loads(await request.body())
        except orjson.JSONDecodeError as error:
            raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
        if not isinstance(changes, dict):
            raise InvalidRequest("The body must be a JSON object.")
        current = self._state.control.model_dump(by_alias=True)
        try:
            self._state.control = Control.model_validate(current | changes, by_name=False)
        except ValidationError as error:
            raise InvalidRequest(str(error)) from error
        return await self.show_control(request)


def _json(document: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")


async def _on_api_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    status, body, _ = OPENAI.refusal(error, None)
    return Response(body, status, media_type="application/json")
