"""An error as its path says errors: in the contract's one shape, under /v1 as OpenAI's clients read them. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from shared.contracts.enums import FailureFamily

OPENAI_PATH: Final = "/v1"
OPENAI_TYPES: Final = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
OPENAI_CODES: Final = {"invalid_model": "model_not_found", "context_too_long": "context_length_exceeded"}
"""What OpenAI has a name of its own for: clients look for it."""
FAMILY_CODES: Final[Mapping[object, str]] = {
    FailureFamily.CONTENT_POLICY: "content_filter",
    FailureFamily.RATE_LIMIT: "rate_limit_exceeded",
}
OPENAI_STATUSES: Final = {"invalid_model": 404}


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
    if _is_openai_path(path):
        shown = openai_status(code, status)
        return shown, {"error": openai_error(code, message, shown, (details or {}).get("family"), details)}
    body: dict[str, object] = {"error": code, "message": message, "details": dict(details or {})}
    return status, body | {"requestId": request_id} | dict(top_level or {})


def _is_openai_path(path: str) -> bool:
    return path == OPENAI_PATH or path.startswith(OPENAI_PATH + "/")


def openai_status(code: str, status: int) -> int:
    """The status an error has for OpenAI's clients."""
    return OPENAI_STATUSES.get(code, status)


def openai_error(
    code: str, sentence: str, status: int, family: object = None, details: Mapping[str, Any] | None = None
) -> dict[str, object]:
    """What OpenAI's clients find under `error`.

    `family` is the kind of a provider's fault, `param` names the first field that was refused.
    """
    fields = (details or {}).get("fields") or [{}]
    kind = OPENAI_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    param = fields[0].get("field") if code != "invalid_model" else "model"
    named = FAMILY_CODES.get(family, OPENAI_CODES.get(code, code))
    return {"message": sentence, "type": kind, "code": named, "param": param}
