"""Errors as they stand in Anthropic's answers: as the body of a refusal, or as an event after a 200."""

from llm_runner.providers.provider import ProviderFailure
from llm_runner.providers.refusals import refused, told

__all__ = ["error_event", "refused"]


def error_event(error: object, provider: str) -> ProviderFailure:
    """The failure behind an error inside an answer: its type says what its status would have said."""
    return told(provider, error)
