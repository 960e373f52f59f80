"""An error as its path says errors: in the contract's one shape, under /v1 in OpenAI's. Pure."""

from collections.abc import Mapping
from typing import Any

from gateway.openai_wire.errors import is_openai_path, openai_error, openai_status


def error_content(
    path: str,
    status: int,
    code: str,
    message: str,
    details: Mapping[str, object] | None = None,
    top_level: Mapping[str, object] | None = None,
    *,
    request_id: str | None,
) -> tuple[int, dict[str, Any]]:
    """The status and the body of an error."""
    if is_openai_path(path):
        return openai_status(code, status), {"error": openai_error(code, message, status, details)}
    body: dict[str, object] = {"error": code, "message": message, "details": dict(details or {})}
    return status, body | {"requestId": request_id} | dict(top_level or {})
