"""Who calls is settled before anything of a request is read: a layer before every route, so that none can forget it.

Without keys callers are whom they say: the one tenant's user of `X-User-Id`, and operators where only this machine can
connect. Whoever comes by a stream token is its user, on its streams.
"""

import re
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.access.callers import ANYBODY, USER_LENGTH, Caller, CallerRole
from gateway.access.token_callers import TokenCallers
from gateway.errors import ApiError, FieldProblem, InvalidRequest
from gateway.http.error_responses import error_response
from gateway.settings import is_loopback

OPEN: Final = ("/", "/healthz", "/readyz", "/docs", "/docs/start.js", "/docs/{name}", "/openapi.json")
"""Routes that nobody has to be anybody for: they say nothing of anybody's."""
_OPEN: Final = re.compile("|".join(re.escape(path).replace(r"\{name\}", "[^/]+") for path in OPEN))


CallerOf = Callable[[Request], Caller]


class Authentication:
    """Puts the caller on the scope (`request.state.caller`), or answers why there is none.

    Whoever comes by no token is whom `named` says: it raises ApiError for a request that names nobody.
    """

    def __init__(self, app: ASGIApp, tokens: TokenCallers, named: CallerOf) -> None:
        self._app = app
        self._tokens = tokens
        self._named = named

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            caller = self._tokens.caller(request)
            if not _OPEN.fullmatch(scope["path"]):
                request.state.caller = caller or self._named(request)
        except ApiError as error:
            await error_response(error, request)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class NamedCallers:
    """Callers where there are no keys: everybody is whom `X-User-Id` names."""

    def __init__(self, host: str) -> None:
        self._anybody = Caller(ANYBODY, frozenset({CallerRole.OPERATOR} if is_loopback(host) else ()))

    def __call__(self, request: Request) -> Caller:
        """Whom the header names. Raises InvalidRequest for a user id that is too long."""
        user = request.headers.get("x-user-id", "").strip()
        if len(user) > USER_LENGTH:
            raise InvalidRequest(FieldProblem("X-User-Id", f"must have at most {USER_LENGTH} characters", USER_LENGTH))
        return self._anybody.named(user) if user else self._anybody
