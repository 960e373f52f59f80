"""Errors as they stand in Anthropic's answers: as the body of a refusal, or as an event after a 200."""

from collections.abc import Mapping

import orjson

from llm_runner.providers.provider import ProviderFailure
from llm_runner.providers.refusals import STATUS_OF_WORD, refusal, retry_after


def refused(provider: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderFailure:
    """The failure behind an answer that is no 200."""
    try:
        answered = orjson.loads(body)
    except orjson.JSONDecodeError:
        answered = {}
    message, word = _described(answered.get("error") if isinstance(answered, dict) else None)
    return refusal(provider, status, message, word, retry_after(headers))


def error_event(error: object, provider: str) -> ProviderFailure:
    """The failure behind an error inside an answer: its type says what its status would have said."""
    message, word = _described(error)
    return refusal(provider, STATUS_OF_WORD.get(word, 500), message, word)


def _described(error: object) -> tuple[str, str]:
    if not isinstance(error, dict):
        return (error, "") if isinstance(error, str) else ("", "")
    message, word = error.get("message"), error.get("type")
    return message if isinstance(message, str) else "", word if isinstance(word, str) else ""
