"""Requests that get an error: what OpenAI would say of it. Other dialects say it in their own words."""


class ApiError(Exception):
    """A request that gets an error instead of an answer."""

    def __init__(self, status: int, message: str, kind: str, code: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code


class InvalidRequest(ApiError):
    """The request is not one this server understands; the message says where."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message, "invalid_request_error", "invalid_request")


class MissingKey(ApiError):
    """The server was started with a key and the request holds none or another."""

    def __init__(self, header: str) -> None:
        message = f"Incorrect API key provided. Send the key of --require-key as '{header}'."
        super().__init__(401, message, "invalid_request_error", "invalid_api_key")


class UnknownModel(ApiError):
    """No such model, or no such fault behind its plus sign."""

    def __init__(self, model: str) -> None:
        message = f"The model '{model}' does not exist. GET /v1/models lists those that do."
        super().__init__(404, message, "invalid_request_error", "model_not_found")


class BodyTooLarge(ApiError):
    """The request's body is larger than this server reads."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"The body is larger than {limit} bytes.", "invalid_request_error", "too_large")


class BodyTooSlow(ApiError):
    """The request's body did not arrive in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(408, f"The body did not arrive within {seconds} s.", "invalid_request_error", "timeout")


class FaultOnRequest(ApiError):
    """The error that a fault asked for."""

    def __init__(self, status: int, model: str) -> None:
        kind, code, reason = {
            429: ("requests", "rate_limit_exceeded", "Rate limit reached"),
            500: ("server_error", "internal_error", "The server had an error"),
            503: ("server_error", "overloaded", "The engine is overloaded"),
        }[status]
        super().__init__(status, f"{reason} for {model} (a fault on request). Please try again.", kind, code)
