"""Where tokens are let in: by GET, on the routes named here and no others, for exactly the id that the path names.

It stands before every route, so that none can forget it. What a browser can read only by EventSource is here, and what
the client of clients/ai-sdk reads besides with the same token; everything else is asked for with headers.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import Depends, Query
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.access.callers import ANYBODY, USER_LENGTH
from gateway.access.stream_tokens import Grant, read, verify
from gateway.errors import ApiError, Forbidden, Unauthorized
from gateway.http.error_responses import answer
from gateway.settings import GatewaySettings
from shared.contracts.kinds import FOLDERS
from shared.contracts.record import now

TOKEN_LENGTH: Final = 16_000
READING: Final = ("GET", "HEAD")
CHATS: Final = ("chat", *(f"chat/{name}" for name in ("advanced", "routed", "managed", "production")))
READ_BY_PATH: Final = (
    *(f"/api/{folder}/{{id}}/{what}" for folder in FOLDERS for what in ("events", "status", "conversations")),
    *(f"/api/{folder}/{{id}}/messages" for folder in ("conversations", *FOLDERS)),
    *(f"/api/{chat}/{{id}}/stream" for chat in CHATS),
    "/api/stream/{id}",
    "/api/jobs/{id}/stream",
)
"""Routes whose path names what is read."""
READ_BY_SID: Final = ("/api/llm", "/api/promptbro/assist")
"""Routes whose `?sid=` does: on no other is it looked at."""
_PATHS: Final = re.compile("|".join(re.escape(path).replace(r"\{id\}", "([^/]+)") for path in READ_BY_PATH))
Token = Annotated[str | None, Query(description="From POST /api/stream-tokens, for an EventSource.")]


class TokenGate:
    """Refuses every token that does not hold, wherever it is sent; one that holds says who the caller is.

    Without a secret nobody could tell a token from a forged one, and nobody needs to, since callers are whom they say:
    then a token of ours says the user as X-User-Id does, and anything else is ignored.
    """

    def __init__(self, app: ASGIApp, settings: GatewaySettings) -> None:
        self._app = app
        secret = settings.stream_token_secret
        self._secret = secret.get_secret_value() if secret else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["query_string"]:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        tokens = request.query_params.getlist("token")
        try:
            grant = self._checked(tokens, request) if self._secret is not None else _said(tokens, request)
        except ApiError as error:
            await answer(error, request)(scope, receive, send)
            return
        if grant is not None:
            scope.setdefault("state", {})["grant"] = grant
        await self._app(scope, receive, send)

    def _checked(self, tokens: list[str], request: Request) -> Grant | None:
        """What the token grants here. Raises Unauthorized and Forbidden."""
        if not tokens:
            return None
        fits = len(tokens) == 1 and len(tokens[0]) <= TOKEN_LENGTH
        grant = verify(tokens[0], self._secret or "", now()) if fits else None
        if grant is None:
            raise Unauthorized("This token is not valid, or not any more: make a new one by POST /api/stream-tokens.")
        if not _is_covered(grant, request):
            raise Forbidden("This token is for reading other streams: make one for this by POST /api/stream-tokens.")
        return grant


def _said(tokens: list[str], request: Request) -> Grant | None:
    """The user of a token that nobody checks, where no header names one; never another tenant."""
    if len(tokens) != 1 or len(tokens[0]) > TOKEN_LENGTH or "x-user-id" in request.headers:
        return None
    grant = read(tokens[0], now())
    if grant is None or len(grant.user) > USER_LENGTH or not _is_covered(grant, request):
        return None
    return grant.model_copy(update={"tenant": ANYBODY.tenant}) if grant.user.isprintable() else None


def _is_covered(grant: Grant, request: Request) -> bool:
    named = _named(request.url.path, request.query_params)
    return request.method in READING and any(grant.covers(one) for one in named)


def _named(path: str, query: QueryParams) -> Iterator[str]:
    """The one id a request reads, where it is one that a token may read at all."""
    if (found := _PATHS.fullmatch(path)) is not None:
        yield str(found[found.lastindex or 0])
    elif path in READ_BY_SID and len(sids := query.getlist("sid")) == 1:
        yield sids[0]


async def _documented(token: Token = None) -> None:
    """The parameter as OpenAPI shows it; it was checked before."""


ReadByToken = Depends(_documented)
