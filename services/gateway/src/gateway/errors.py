"""The errors of the API: one class a code, each builds its sentence (docs/api.md, "Errors").

How they become answers stands in `error_answers.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from shared.contracts.money import to_usd, usd_that_holds
from shared.errors import AgentWarsError


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of a request, and the bound it broke (null where there is none)."""

    field: str
    message: str
    bound: object = None

    def shown(self) -> dict[str, object]:
        return {"field": self.field, "message": self.message, "bound": self.bound}


class ApiError(AgentWarsError):
    """An answer other than success. `top_level` fields stand beside `error` and `message`."""

    status: ClassVar[int]
    code: ClassVar[str]

    def __init__(
        self,
        message: str,
        details: Mapping[str, object] | None = None,
        top_level: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = dict(details or {})
        self.top_level = dict(top_level or {})
        self.headers = dict(headers or {})


class InvalidRequest(ApiError):
    """Fields are missing, of a wrong type, or beyond a bound; nothing was changed."""

    status = 400
    code = "invalid_request"

    def __init__(self, *problems: FieldProblem) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(
            f"{first.field}: {first.message}{more}.", {"fields": [problem.shown() for problem in problems]}
        )


class SeveralConversations(ApiError):
    """A run id stands where one conversation is meant, and the run has several."""

    status = 400
    code = "invalid_request"

    def __init__(self, run_id: str, conversation_ids: list[str]) -> None:
        problem = FieldProblem("id", "names a run of several conversations: use the id of one of them")
        super().__init__(
            f"Run {run_id} has several conversations; ask for one of them by its id.",
            {"fields": [problem.shown()], "conversationIds": conversation_ids},
        )


class InvalidAgent(ApiError):
    status = 400
    code = "invalid_agent"

    def __init__(self, agent_id: str, version: int | None = None) -> None:
        what = agent_id if version is None else f"{agent_id} in version {version}"
        super().__init__(f"There is no agent {what}; GET /api/agents lists those there are.", {"agentId": agent_id})


class InvalidModel(ApiError):
    status = 400
    code = "invalid_model"

    def __init__(self, sentence: str) -> None:
        super().__init__(f"{sentence}. GET /api/models lists what can be asked for.")


class ContextTooLong(ApiError):
    """More was asked than the model takes."""

    status = 400
    code = "context_too_long"

    def __init__(self, model: str, tokens: int, window: int) -> None:
        super().__init__(
            f"This has about {tokens} tokens, and {model} takes {window}: send less, or ask a model that takes more.",
            {"model": model, "tokens": tokens, "contextWindow": window},
        )


class BudgetExceeded(ApiError):
    """The estimate is over the budget: nothing was started. Says what budget would do."""

    status = 402
    code = "budget_exceeded"

    def __init__(self, estimated_nanos: int, budget_nanos: int) -> None:
        estimated, budget = to_usd(estimated_nanos), to_usd(budget_nanos)
        super().__init__(
            f"This is expected to cost {estimated:.4f} USD, more than its budget of {budget:.4f} USD: "
            f"pass maxBudgetUsd {usd_that_holds(estimated_nanos)} or more, or ask for fewer or shorter conversations "
            "or a cheaper model.",
            top_level={"estimatedUsd": estimated, "maxBudgetUsd": budget},
        )


class Unauthorized(ApiError):
    status = 401
    code = "unauthorized"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(ApiError):
    status = 403
    code = "forbidden"


class NotFound(ApiError):
    status = 404
    code = "not_found"

    def __init__(self, what: str, reference: str) -> None:
        super().__init__(f"There is no {what} {reference}.")


class Conflict(ApiError):
    """What is asked for does not fit what is there; `reason` says how."""

    status = 409
    code = "conflict"

    def __init__(self, reason: str, message: str, **details: object) -> None:
        super().__init__(message, {"reason": reason, **details})


class UnsupportedMediaType(ApiError):
    status = 415
    code = "unsupported_media_type"

    def __init__(self, content_type: str) -> None:
        super().__init__(f"The body must be sent as application/json, not as {content_type or 'an unnamed type'}.")


class CompressedBody(ApiError):
    status = 415
    code = "unsupported_media_type"

    def __init__(self, encoding: str) -> None:
        super().__init__(f"Bodies are taken as they are, not as {encoding}: send this one without Content-Encoding.")


class RateLimited(ApiError):
    """A quota is used up; `seconds` is when there is one again, `limit` how many requests it has."""

    status = 429
    code = "rate_limited"

    def __init__(self, message: str, seconds: int, limit: int) -> None:
        headers = {
            "Retry-After": str(seconds),
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(seconds),
        }
        super().__init__(message, {"retryAfter": seconds}, headers=headers)


class TooManyStreams(ApiError):
    """This process, or (with `limit`) this user, has as many streams as may be; an EventSource is told so with 200."""

    status = 429
    code = "too_many_streams"

    def __init__(self, limit: int | None = None) -> None:
        sentence = "Too many answers are being streamed here: try again in a moment."
        details: dict[str, object] = {"retryAfter": 1}
        if limit is not None:
            sentence = f"You have {limit} streams open, as many as one user may have: close one, then try again."
            details["limit"] = limit
        super().__init__(sentence, details, headers={"Retry-After": "1"})


class NotReady(ApiError):
    status = 503
    code = "unavailable"

    def __init__(self, missing: list[str]) -> None:
        super().__init__(f"Not ready: {'; '.join(missing)}.", {"missing": missing}, headers={"Retry-After": "1"})
