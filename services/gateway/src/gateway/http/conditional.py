"""Answers that need not be sent again (RFC 9110 section 13), and what an Accept header prefers (section 12.5.1)."""

from hashlib import sha256

from fastapi import Request, Response

from shared.contracts.model import Contract

EVENT_STREAM = "text/event-stream"


def etag_of(body: bytes) -> str:
    """A strong validator: the hash of the very bytes."""
    return f'"{sha256(body).hexdigest()[:32]}"'


def conditional(request: Request, record: Contract) -> Response:
    """The record as JSON, or 304 without a body where the caller has this version."""
    body = record.to_json()
    etag = etag_of(body)
    headers = {"ETag": etag, "Cache-Control": "no-store", "Vary": "Accept"}
    if _matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _matches(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    return header.strip() == "*" or etag in (one.strip().removeprefix("W/") for one in header.split(","))


def prefers_event_stream(accept: str | None) -> bool:
    """Whether an event stream is named and nothing else is wanted more than it."""
    weights = dict(_weighed(part) for part in (accept or "").split(",") if part.strip())
    stream = weights.get(EVENT_STREAM, 0.0)
    return stream > 0 and stream >= max(weights.get("application/json", 0.0), weights.get("application/*", 0.0))


def _weighed(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return kind, float(parameter[2:])
            except ValueError:
                return kind, 0.0
    return kind, 1.0
