"""Callers by stream token: by GET, on the routes named here and no others, for exactly the id that the path names.

What a browser can read only by EventSource is here, and what the client of clients/ai-sdk reads besides with the same
token; everything else is asked for with headers.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import Depends, Query
from pydantic import SecretStr
from starlette.datastructures import QueryParams
from starlette.requests import Request

from gateway.access.callers import ANYBODY, USER_LENGTH, Caller, CallerRole
from gateway.access.stream_tokens import Grant, read, verify
from gateway.errors import Forbidden, Unauthorized
from shared.contracts.kinds import FOLDERS
from shared.contracts.owner import Owner
from shared.contracts.timestamps import now

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
NO_ROLES: Final[frozenset[CallerRole]] = frozenset()
_PATHS: Final = re.compile("|".join(re.escape(path).replace(r"\{id\}", "([^/]+)") for path in READ_BY_PATH))
Token = Annotated[str | None, Query(description="From POST /api/stream-tokens, for an EventSource.")]


class TokenCallers:
    """Refuses every token that does not hold, wherever it is sent; one that holds says who the caller is.

    Without a secret nobody could tell a token from a forged one, and nobody needs to, since callers are whom they say:
    then a token of ours says the user as X-User-Id does, and anything else is ignored.
    """

    def __init__(self, secret: SecretStr | None) -> None:
        self._secret = secret.get_secret_value() if secret else None

    def caller(self, request: Request) -> Caller | None:
        """Whom the request's token names, None where it has none. Raises Unauthorized and Forbidden."""
        if not request.scope["query_string"]:
            return None
        tokens = request.query_params.getlist("token")
        owner = _said(tokens, request) if self._secret is None else self._checked(tokens, self._secret, request)
        return None if owner is None else Caller(owner, NO_ROLES)

    def _checked(self, tokens: list[str], secret: str, request: Request) -> Owner | None:
        """Whose token it is, and that it is for this. Raises Unauthorized and Forbidden."""
        if not tokens:
            return None
        fits = len(tokens) == 1 and len(tokens[0]) <= TOKEN_LENGTH
        grant = verify(tokens[0], secret, now()) if fits else None
        if grant is None:
            raise Unauthorized("This token is not valid, or not any more: make a new one by POST /api/stream-tokens.")
        if not _is_covered(grant, request):
            raise Forbidden("This token is for reading other streams: make one for this by POST /api/stream-tokens.")
        return Owner(grant.tenant, grant.user)


def _said(tokens: list[str], request: Request) -> Owner | None:
    """The user of a token that nobody checks, where no header names one; never another tenant."""
    if len(tokens) != 1 or len(tokens[0]) > TOKEN_LENGTH or "x-user-id" in request.headers:
        return None
    grant = read(tokens[0], now())
    if grant is None or len(grant.user) > USER_LENGTH or not _is_covered(grant, request):
        return None
    return Owner(ANYBODY.tenant, grant.user) if grant.user.isprintable() else None


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
