"""Every error as the one shape of the contract, whatever raised it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from gateway.errors import ApiError, FieldProblem, InvalidModel, InvalidRequest, UnsupportedMediaType
from gateway.http.error_shapes import error_content
from gateway.http.validation import problems
from shared.errors import NotStorable, StoreUnavailable, TransientError
from shared.routing import UnknownModel
from shared.tracebacks import described

log = structlog.stdlib.get_logger("gateway")

HTTP_CODES = {404: "not_found", 405: "invalid_request", 413: "too_large", 415: "unsupported_media_type"}
HTTP_MESSAGES = {
    404: "There is nothing under this path; /docs shows every path there is.",
    405: "This path does not take this method; /docs shows which it takes.",
    413: "The body is larger than this path takes: 1 MiB, in a chat 4 MiB.",
}


class ErrorBody(BaseModel):
    """The one shape of every error."""

    error: str
    message: str
    details: dict[str, Any] = {}
    requestId: str | None = None  # noqa: N815 - the name on the wire


def error_response(error: ApiError, request: Request) -> Response:
    """An error as the answer that says it."""
    return _response(request, error.status, error.code, error.message, error.details, error.top_level, error.headers)


def _response(
    request: Request,
    status: int,
    code: str,
    message: str,
    details: Mapping[str, object] | None = None,
    top_level: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    request_id = getattr(request.state, "request_id", None)
    path = request.scope["path"]
    status, content = error_content(path, status, code, message, details, top_level, request_id=request_id)
    return JSONResponse(content, status, headers=dict(headers or {}))


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error, request)


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    content_type = request.headers.get("content-type", "")
    if _body_refused(error) and not _is_json(content_type):
        return error_response(UnsupportedMediaType(content_type), request)
    return error_response(InvalidRequest(*problems(error.errors(), error.body)), request)


def _body_refused(error: RequestValidationError) -> bool:
    return any(tuple(found["loc"]) == ("body",) and found["type"] != "missing" for found in error.errors())


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _methods_of(routes: Sequence[BaseRoute], request: Request) -> list[str]:
    """Every method of the path; a route that takes another one knows only its own."""
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    named = [route for route in matching if getattr(route, "path", None) == request.url.path] or matching
    found = {method for route in named for method in getattr(route, "methods", None) or ()}
    return sorted(found | {"HEAD"} if "GET" in found else found)


async def _on_http(routes: Sequence[BaseRoute], request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        return error_response(InvalidRequest(FieldProblem("body", "cannot be read as JSON")), request)
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = ", ".join(_methods_of(routes, request))
    return http_error_response(request, error.status_code, str(error.detail), headers)


def http_error_response(
    request: Request, status: int, sentence: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to what HTTP itself refuses: paths, methods, bodies."""
    code = HTTP_CODES.get(status, "invalid_request")
    return _response(request, status, code, HTTP_MESSAGES.get(status, sentence), headers=headers)


async def _on_unknown_model(request: Request, error: Exception) -> Response:
    return error_response(InvalidModel(str(error)), request)


async def _on_transient(store_away: Callable[[], None], request: Request, error: Exception) -> Response:
    assert isinstance(error, TransientError)
    log.warning("request refused", error=described(error), path=request.url.path)
    if isinstance(error, StoreUnavailable):
        store_away()
    seconds = max(1, round(error.retry_after.total_seconds()))
    message = "A part of the system does not answer at the moment; nothing was changed. Try again in a moment."
    return _response(request, 503, "unavailable", message, headers={"Retry-After": str(seconds)})


async def _on_not_storable(request: Request, error: Exception) -> Response:
    """What only store or broker found: refused before anything was accepted."""
    assert isinstance(error, NotStorable)
    log.warning("request refused", error=str(error), path=request.url.path)
    status, code = (400, "invalid_request") if error.bound_bytes is None else (413, "too_large")
    details: dict[str, object] = {"bound": error.bound_bytes} if error.bound_bytes else {}
    return _response(request, status, code, f"This {error}; nothing was changed.", details)


async def _on_unforeseen(request: Request, error: Exception) -> Response:
    """What nobody foresaw is logged whole by `ResponseHeaders`, which it is raised to, and named nowhere else."""
    message = "Something went wrong here; the log has it under this request id."
    return _response(request, 500, "internal_error", message)


def add_error_handlers(app: FastAPI, routes: Sequence[BaseRoute], store_away: Callable[[], None]) -> None:
    """Has the app answer every error in the one shape; `store_away` is told of a store that did not answer."""
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, partial(_on_http, routes))
    app.add_exception_handler(UnknownModel, _on_unknown_model)
    app.add_exception_handler(TransientError, partial(_on_transient, store_away))
    app.add_exception_handler(NotStorable, _on_not_storable)
    app.add_exception_handler(Exception, _on_unforeseen)
