"""Which origins may read answers, and which headers they see (spec/api.md, "Access")."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from gateway.settings import GatewaySettings

EXPOSED = (
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
ALLOWED = (
    "Authorization",
    "Content-Type",
    "If-None-Match",
    "Idempotency-Key",
    "X-Idempotency-Key",
    "Last-Event-ID",
    "X-User-Id",
    "X-AI-SDK",
    "X-Request-Id",
)


def with_cors(app: ASGIApp, settings: GatewaySettings) -> ASGIApp:
    """The app with answers to preflights, and CORS headers on errors and streams too."""
    return CORSMiddleware(
        app,
        allow_origins=settings.cors_origins,
        allow_origin_regex=settings.cors_origin_pattern or None,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=ALLOWED,
        expose_headers=EXPOSED,
    )
