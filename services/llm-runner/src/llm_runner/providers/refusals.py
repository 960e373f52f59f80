"""Every way a provider refuses an answer, as one ProviderFailure: the one table of it, whatever the dialect.

What is said in codes counts first, then the wait that is asked for, then words. What a provider writes into an error is
shown where it helps: never for a refused key. It is not cut here, for keys are looked for before that (`redaction.py`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from llm_runner.providers.context_overflow import Overflow, overflow
from llm_runner.providers.error_bodies import ErrorBody, error_body, error_value
from llm_runner.providers.error_words import daily_quota, family_of_words, family_said
from llm_runner.providers.provider import ProviderFailure
from llm_runner.providers.refused_fields import refused_field
from llm_runner.providers.retry_hints import forbids_another_try, wait_asked
from shared.contracts.enums import FailureFamily as Family

FAMILY_OF_STATUS = {
    401: Family.AUTH,
    402: Family.BILLING,
    403: Family.AUTH,
    404: Family.MODEL_NOT_FOUND,
    408: Family.TIMEOUT,
    409: Family.SERVER_ERROR,
    413: Family.CONTEXT_LENGTH,
    425: Family.OVERLOADED,
    429: Family.RATE_LIMIT,
    503: Family.OVERLOADED,
    529: Family.OVERLOADED,
}
"""Any other below 500 speaks of what was asked, any other above of a fault of the provider's."""
STATUS_OF_FAMILY = {
    Family.AUTH: 401,
    Family.BILLING: 402,
    Family.RATE_LIMIT: 429,
    Family.OVERLOADED: 503,
    Family.TIMEOUT: 504,
    Family.MODEL_NOT_FOUND: 404,
    Family.SERVER_ERROR: 500,
}
"""What would have been answered, where an error stands inside a stream and says no number; else 400."""
OF_REQUEST = (400, 404, 405, 422)
"""Statuses that leave open what is wrong: words say more."""
LONG_WAIT = timedelta(minutes=1)


def refused(provider: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderFailure:
    """The failure behind an answer that is no 200, in any dialect whose errors are JSON or words; `body` may be cut."""
    error = error_body(body)
    if error.is_page and status < 500 and status not in (401, 402, 403, 408, 413, 425, 429):
        return web_page(provider, status, error)
    if error.is_empty and status == 400:
        message = f"{provider} answered 400 without a word, as some do for a prompt that is too long"
        return ProviderFailure(Family.CONTEXT_LENGTH, message, charged=False)
    failure = _failure(provider, status, error)
    return _hinted(failure, headers, error)


def told(provider: str, value: object) -> ProviderFailure:
    """The failure behind an error inside an answer that said 200: the JSON value it stands in, or `error` of it."""
    error = error_value(value)
    return _hinted(_failure(provider, error.status, error), {}, error)


def web_page(provider: str, status: int, error: ErrorBody) -> ProviderFailure:
    """The failure behind a web page where an answer should be."""
    message = f"{provider} answered {status} with a web page: look at its baseUrl ({error.message})"
    return ProviderFailure(Family.PROTOCOL, message, charged=False, repeats=0)


def refusal(provider: str, status: int, message: str, word: str, wait: timedelta | None = None) -> ProviderFailure:
    """The failure behind an error that a dialect has read by itself.

    `message` is the provider's own and `word` its word for the kind of the error, both empty where it gives none;
    `wait` is for how long it asks to be left alone.
    """
    failure = _failure(provider, status, ErrorBody(message, (word.lower(),) if word else ()))
    failure.retry_after = wait if failure.retryable else None
    return failure


def _failure(provider: str, status: int | None, error: ErrorBody) -> ProviderFailure:
    """Nothing was charged for it, as far as anybody says."""
    field = refused_field(error) if status is None or status in OF_REQUEST or status >= 500 else None
    family, repeats = _family(status, error, field)
    number = status or STATUS_OF_FAMILY.get(family, 400)
    if family is Family.AUTH:
        return ProviderFailure(family, _of_key(provider, number, error), charged=False)
    message = f"{provider} answered {number}{': ' + _said(error) if error.message else ''}"
    named = field if family is Family.UNSUPPORTED_PARAMETER else None
    return ProviderFailure(family, message + _advice(family, error), charged=False, field=named, repeats=repeats)


def _family(status: int | None, error: ErrorBody, field: str | None) -> tuple[Family, int | None]:
    """The family of an error, and how often the same target is asked again where that is not its family's to say."""
    if daily_quota(error):
        return Family.BILLING, None
    coded = family_of_words(error.words)
    if coded is not None and coded[0] in (Family.RATE_LIMIT, Family.BILLING, Family.CONTENT_POLICY):
        return coded
    if status not in (401, 402, 403, 429) and overflow(error) is not None:
        return Family.CONTEXT_LENGTH, None
    if field is not None and (coded is None or coded[0] in (Family.UNSUPPORTED_PARAMETER, Family.BAD_REQUEST)):
        return Family.UNSUPPORTED_PARAMETER, None
    if coded is not None and coded[0] not in (Family.UNSUPPORTED_PARAMETER, Family.BAD_REQUEST):
        return coded
    if status is None or status in OF_REQUEST or status >= 500:
        spoken = family_said(error.message, status)
        if spoken is not None:
            return spoken
    if status is None:
        return (coded[0] if coded else Family.SERVER_ERROR), None
    default = Family.SERVER_ERROR if status >= 500 else Family.BAD_REQUEST
    return FAMILY_OF_STATUS.get(status, default), None


def _hinted(failure: ProviderFailure, headers: Mapping[str, str], error: ErrorBody) -> ProviderFailure:
    """With the wait that is asked for, where one may help; an account without money asks for a long one, or none."""
    wait = wait_asked(headers, error, datetime.now(UTC))
    long_for_money = failure.family is Family.BILLING and wait is not None and wait > LONG_WAIT
    failure.retry_after = wait if failure.retryable or long_for_money else None
    if forbids_another_try(headers):
        failure.repeats = 0
    return failure


def _said(error: ErrorBody) -> str:
    """The message, with the numbers that stand beside it."""
    over = overflow(error) or Overflow()
    if over.asked is None or over.limit is None or str(over.asked) in error.message.replace(",", ""):
        return error.message
    return f"{error.message} ({over.asked} tokens, room for {over.limit})"


def _of_key(provider: str, status: int, error: ErrorBody) -> str:
    if error.is_page:
        return (
            f"{provider} refused the call with a web page ({status}): look at its baseUrl, and at what stands between"
        )
    return f"{provider} refused the key ({status}); check the variable that holds it"


def _advice(family: Family, error: ErrorBody) -> str:
    text = error.message.lower()
    if "unexpected endpoint or method" in text or (family is Family.MODEL_NOT_FOUND and "page not found" in text):
        return "; is its baseUrl wrong? try adding /v1"
    return ""
