"""Errors as OpenAI's clients read them: `{"error": {message, type, code, param}}`. Pure."""

from collections.abc import Mapping
from typing import Any, Final

PATH: Final = "/v1"
TYPES: Final = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
CODES: Final = {"invalid_model": "model_not_found", "context_too_long": "context_length_exceeded"}
"""What OpenAI has a name of its own for: clients look for it."""
STATUSES: Final = {"invalid_model": 404}


def is_openai_path(path: str) -> bool:
    """Whether errors are said in OpenAI's shape there."""
    return path == PATH or path.startswith(PATH + "/")


def openai_status(code: str, status: int) -> int:
    """The status an error has there."""
    return STATUSES.get(code, status)


def openai_error(code: str, sentence: str, status: int, details: Mapping[str, Any] | None = None) -> dict[str, object]:
    """The object that stands under `error`; `param` names the first field that was refused."""
    fields = (details or {}).get("fields") or [{}]
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    param = fields[0].get("field") if code != "invalid_model" else "model"
    return {"message": sentence, "type": kind, "code": CODES.get(code, code), "param": param}
