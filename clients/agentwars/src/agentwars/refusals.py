"""An error answer of the gateway (or of whatever stands before it) as an ApiError."""

from typing import Any

import httpx

from agentwars.errors import ApiError

_SHOWN = 300  # characters of an answer that isn't the gateway's


def refusal(response: httpx.Response) -> ApiError:
    """Reads the one error shape of docs/api.md; anything else becomes `http_<status>` with the answer's beginning."""
    try:
        body: Any = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or "error" not in body:
        text = " ".join(response.text[:_SHOWN].split()) or response.reason_phrase
        return ApiError(f"http_{response.status_code}", text, status=response.status_code, retry_after=_wait(response))
    details = body.get("details")
    given = dict(details) if isinstance(details, dict) else {}
    # 402 says its two amounts at the top level.
    given |= {name: body[name] for name in ("estimatedUsd", "maxBudgetUsd") if name in body}
    return ApiError(
        str(body["error"]), str(body.get("message", "")), given, response.status_code, retry_after=_wait(response)
    )


def _wait(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None
