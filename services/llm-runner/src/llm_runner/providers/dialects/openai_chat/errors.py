"""Errors as they stand in OpenAI's answers, and as many providers write them more or less."""

from collections.abc import Mapping

import orjson

from llm_runner.providers.provider import ProviderFailure
from llm_runner.providers.refusals import STATUS_OF_WORD, refusal, retry_after


def refused(provider: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderFailure:
    """The failure behind an answer that is no 200."""
    message, word = _of_body(body)
    return refusal(provider, status, message, word, retry_after(headers))


def error_frame(error: object, provider: str) -> ProviderFailure:
    """The failure behind an error inside a stream that has begun (OpenRouter and others answer 200 first)."""
    message, word = _described(error)
    numbers = [_status(value) for value in (error.get("code"), error.get("status"))] if isinstance(error, dict) else []
    status = next((number for number in numbers if number), None) or STATUS_OF_WORD.get(word, 500)
    return refusal(provider, status, message, word)


def _of_body(body: bytes) -> tuple[str, str]:
    """Message of an error and the word for its kind, or empty texts."""
    try:
        answered = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", ""
    return _described(answered.get("error")) if isinstance(answered, dict) else ("", "")


def _described(error: object) -> tuple[str, str]:
    """An error's message, and the first word for its kind: its code, or its type where that is a number or nothing."""
    if not isinstance(error, dict):
        return (error, "") if isinstance(error, str) else ("", "")
    message: object = error.get("message")
    words = (error.get("code"), error.get("type"), error.get("status"))
    known = [word.lower() for word in words if isinstance(word, str) and not _status(word)]
    word = next((word for word in known if word in STATUS_OF_WORD), known[0] if known else "")
    return message if isinstance(message, str) else "", word


def _status(value: object) -> int | None:
    """The status that stands in an error, as a number or as text; None for anything else."""
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdecimal():
        value = int(value)
    return value if type(value) is int and 400 <= value < 600 else None
