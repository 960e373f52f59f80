"""What providers call their faults, in codes and in sentences: which family each is of. Pure data and its lookup."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from llm_runner.providers.context_overflow import CODES as OVERFLOW_CODES
from llm_runner.providers.error_bodies import ErrorBody
from llm_runner.providers.refused_fields import WORDS as FIELD_WORDS
from shared.contracts.enums import FailureFamily as Family

Found = tuple[Family, int | None]
"""A family, and how often the same target is asked again where that is not the family's to say."""
_CODES: Final[dict[Family, str]] = {
    Family.AUTH: "invalid_api_key incorrect_api_key api_key_invalid invalid_authentication authentication_error "
    "invalid_authentication_error authenticationerror unauthorized unauthenticated account_deactivated "
    "permission_error permission_denied permissiondenied access_denied forbidden",
    Family.BILLING: "insufficient_quota billing_hard_limit_reached billing_not_active billing_error "
    "insufficient_balance insufficient_credits insufficient_funds payment_required arrearage "
    "exceeded_current_quota_error credit_balance_too_low quota_exhausted",
    Family.RATE_LIMIT: "rate_limit_exceeded rate_limit_error rate_limit_reached rate_limit rate_limited "
    "ratelimiterror rate_limit_reached_error too_many_requests toomanyrequests resource_exhausted throttling "
    "throttled throttlingexception toomanyrequestsexception free_models_per_min",
    Family.OVERLOADED: "overloaded_error overloaded engine_overloaded engine_overloaded_error model_overloaded "
    "server_overloaded service_unavailable service_unavailable_error serviceunavailable unavailable slow_down "
    "serviceunavailableexception capacity_exceeded no_capacity model_at_capacity",
    Family.TIMEOUT: "timeout_error timeout deadline_exceeded request_timeout gateway_timeout",
    Family.CONTEXT_LENGTH: " ".join(OVERFLOW_CODES),
    Family.CONTENT_POLICY: "content_policy_violation content_filter content_filtered responsibleaipolicyviolation "
    "safety prohibited_content content_blocked moderation_blocked data_inspection_failed invalid_prompt",
    Family.MODEL_NOT_FOUND: "model_not_found not_found_error notfounderror deploymentnotfound model_not_exist "
    "unknown_model invalid_model model_decommissioned model_not_supported model_not_available no_models_loaded",
    Family.UNSUPPORTED_PARAMETER: " ".join(FIELD_WORDS),
    Family.SERVER_ERROR: "server_error internal_error internal_server_error internalservererror internal",
    Family.BAD_REQUEST: "invalid_request_error badrequesterror bad_request invalid_argument validation "
    "validation_error failed_precondition",
}
FAMILY_OF_CODE: Final[dict[str, Family]] = {code: family for family, codes in _CODES.items() for code in codes.split()}
INVALID_CALL: Final = "tool_use_failed"
"""The model wrote a call that is none: chance, and neither the request's fault nor the provider's."""
_VAGUE: Final = (Family.BAD_REQUEST, Family.SERVER_ERROR)
_SAYINGS: Final[tuple[tuple[re.Pattern[str], Family, int | None], ...]] = (
    (re.compile(r"requires more system memory|not enough memory|out of memory"), Family.SERVER_ERROR, 0),
    (re.compile(r"runner (process )?has (terminated|unexpectedly stopped)"), Family.SERVER_ERROR, 1),
    (
        re.compile(
            r"credit balance is too low|insufficient (account )?(balance|credit|fund)|(needs|requires) more credits|"
            r"payment required|billing (hard limit|is not active)",
        ),
        Family.BILLING,
        None,
    ),
    (
        re.compile(r"rate.?limit|too many (concurrent )?requests|throttl|quota|tokens per min"),
        Family.RATE_LIMIT,
        None,
    ),
    (
        re.compile(
            r"overloaded|over capacity|at capacity|server is busy|temporarily unavailable|high (load|demand)",
        ),
        Family.OVERLOADED,
        None,
    ),
    (
        re.compile(
            r"api key (is )?(not valid|invalid|missing|expired)|(invalid|incorrect|no|missing) api.?key|"
            r"no auth credentials",
        ),
        Family.AUTH,
        None,
    ),
    (
        re.compile(
            r"no models? (is |are )?loaded|try pulling it first|no such model|unknown model|not a valid model|"
            r"model not exist|"
            r"model\b.{0,200}\b(not found|does not exist|not loaded|unloaded|decommissioned)|failed to load model",
        ),
        Family.MODEL_NOT_FOUND,
        None,
    ),
    (
        re.compile(
            r"content (management )?policy|flagged (as|by|for)|usage polic|safety (filter|system|setting)",
        ),
        Family.CONTENT_POLICY,
        None,
    ),
    (re.compile(r"unexpected endpoint or method"), Family.BAD_REQUEST, None),
    (re.compile(r"timed out|time-?out"), Family.TIMEOUT, None),
)
"""Sentences, the more telling ones first."""
_DAILY: Final = re.compile(r"per[-_ ]?day|daily", re.IGNORECASE)


def family_of_words(words: Iterable[str]) -> Found | None:
    """The family that the first telling code names; one that only says whose fault it is counts last."""
    known = list(words)
    if INVALID_CALL in known:
        return Family.PROTOCOL, 1
    families = [FAMILY_OF_CODE[word] for word in known if word in FAMILY_OF_CODE]
    telling = [family for family in families if family not in _VAGUE] or families
    return (telling[0], None) if telling else None


def family_said(message: str, status: int | None) -> Found | None:
    """The family that a sentence tells, where no code does. A fault of the provider's is none of the request's."""
    for pattern, family, repeats in _SAYINGS:
        if pattern.search(message.lower()):
            of_request = family in (Family.AUTH, Family.CONTENT_POLICY, Family.BAD_REQUEST)
            return None if status is not None and status >= 500 and of_request else (family, repeats)
    return None


def daily_quota(error: ErrorBody) -> bool:
    """Whether what is used up is there again tomorrow: for a conversation it is gone."""
    return any(_is_daily(member) for member in error.members) or (
        "free-models-per-day" in error.message or "requests per day (RPD)" in error.message
    )


def _is_daily(member: Mapping[str, Any]) -> bool:
    details = member.get("details")
    for detail in details if isinstance(details, list) else ():
        violations = detail.get("violations") if isinstance(detail, dict) else None
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, dict) and _DAILY.search(str(violation.get("quotaId") or "")):
                return True
    return False
