"""Which origins may read answers, which headers they see and may send (docs/api.md, "Access")."""

import re
from collections.abc import Collection, Iterable
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import FieldProblem, InvalidRequest
from gateway.http.error_responses import error_response
from gateway.settings import LOOPBACK_ORIGINS, GatewaySettings

EXPOSED: Final = (
    "ETag",
    "Retry-After",
    "X-Request-Id",
    "X-Model-Name",
    "X-Model-Tier",
    "X-Fallback-Chain",
    "X-Fallback-Used",
    "X-Conversation-Id",
    "X-Stream-Id",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE")
ALLOWED: Final = (
    "Accept",
    "Accept-Language",
    "Authorization",
    "Baggage",
    "Cache-Control",
    "Content-Language",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Pragma",
    "Sentry-Trace",
    "Traceparent",
    "Tracestate",
    "User-Agent",
    "X-AI-SDK",
    "X-Idempotency-Key",
    "X-Request-Id",
    "X-Requested-With",
    "X-User-Id",
)
ALLOWED_FAMILIES: Final = ("x-stainless-", "openai-")
"""What SDKs send of themselves: every one of their headers has such a beginning."""
PREFLIGHT_SECONDS: Final = 600

Pairs = Iterable[tuple[bytes, bytes]]

_ALLOWED_NAMES: Final = frozenset(name.lower() for name in ALLOWED)
_EXPOSED: Final = (b"access-control-expose-headers", ", ".join(EXPOSED).encode())
_VARY: Final = (b"vary", b"Origin")


class Cors:
    """The origins on the list: those that match `pattern` whole, and `origins`, of which `*` is every one."""

    def __init__(self, pattern: str = LOOPBACK_ORIGINS, origins: Collection[str] = ()) -> None:
        self._pattern = re.compile(pattern) if pattern else None
        self._origins = frozenset(origins)
        self._all = "*" in self._origins

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin may read answers."""
        listed = self._all or origin in self._origins
        return listed or (self._pattern is not None and self._pattern.fullmatch(origin) is not None)

    def headers_for(self, asked: Pairs) -> list[tuple[bytes, bytes]]:
        """What an answer says of origins, to a request with these headers."""
        for name, value in asked:
            if name == b"origin":
                if self._all:
                    return [(b"access-control-allow-origin", b"*"), _EXPOSED]
                if self.allows(value.decode("latin-1")):
                    return [(b"access-control-allow-origin", value), _EXPOSED, _VARY]
        return [] if self._all else [_VARY]


def cors_of(settings: GatewaySettings) -> Cors:
    return Cors(settings.cors_origin_pattern, settings.cors_origins)


class CrossOriginHeaders:
    """Answers preflights itself; gives every other answer its headers, errors and streams too."""

    def __init__(self, app: ASGIApp, cors: Cors) -> None:
        self._app = app
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = self._cors.headers_for(scope["headers"])

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *said]
            await send(message)

        if scope["method"] == "OPTIONS" and (preflight := _preflight(Request(scope), self._cors)):
            await preflight(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)


def _preflight(request: Request, cors: Cors) -> Response | None:
    """What a page may send, to a browser that asks; None for a request that is no preflight."""
    origin = request.headers.get("origin")
    method = request.headers.get("access-control-request-method")
    if origin is None or method is None:
        return None
    named = request.headers.get("access-control-request-headers", "").lower().split(",")
    asked = [name.strip() for name in named if name.strip()]
    problem = _not_allowed(cors, origin, method, asked)
    if problem is not None:
        return error_response(InvalidRequest(problem), request)
    headers = {
        "Access-Control-Allow-Methods": ", ".join(METHODS),
        "Access-Control-Allow-Headers": ", ".join(asked or ALLOWED),
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        "Vary": "Access-Control-Request-Method, Access-Control-Request-Headers",
    }
    return PlainTextResponse("OK", headers=headers)


def _not_allowed(cors: Cors, origin: str, method: str, asked: Iterable[str]) -> FieldProblem | None:
    if not cors.allows(origin):
        return FieldProblem("Origin", "is not allowed: AGENTWARS_CORS_ORIGINS lists the pages' origins that are")
    if method not in METHODS:
        return FieldProblem("Access-Control-Request-Method", "is none that any path takes", list(METHODS))
    refused = next((name for name in asked if not _is_allowed(name)), None)
    if refused is not None:
        return FieldProblem("Access-Control-Request-Headers", f"names {refused!r}, which pages may not send")
    return None


def _is_allowed(header: str) -> bool:
    return header in _ALLOWED_NAMES or header.startswith(ALLOWED_FAMILIES)
