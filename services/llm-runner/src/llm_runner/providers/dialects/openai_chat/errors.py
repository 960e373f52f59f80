"""Errors as they stand in OpenAI's answers, and as many providers write them more or less."""

from llm_runner.providers.provider import ProviderFailure
from llm_runner.providers.refusals import refused, told

__all__ = ["error_frame", "refused"]


def error_frame(error: object, provider: str) -> ProviderFailure:
    """The failure behind an error inside an answer that said 200 (OpenRouter and others answer that first)."""
    return told(provider, error)
