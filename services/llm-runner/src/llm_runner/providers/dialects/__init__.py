"""The dialects that providers are called in, one file and one row each (docs/extending.md)."""

from typing import Final

from llm_runner.providers.dialect import Dialect
from llm_runner.providers.dialects.anthropic import AnthropicMessages
from llm_runner.providers.dialects.ollama import OllamaChat
from llm_runner.providers.dialects.openai_chat import OpenAIChat
from shared.errors import AgentWarsError
from shared.routing import ProviderEntry

DIALECTS: Final[dict[str, Dialect]] = {
    "openai": OpenAIChat(),
    "anthropic": AnthropicMessages(),
    "ollama": OllamaChat(),
}
"""By the name that `dialect` of a provider says in the registry."""


class UnknownDialect(AgentWarsError):
    """A provider of the registry names a dialect that nobody here writes."""

    def __init__(self, provider: str, dialect: str) -> None:
        known = ", ".join(sorted(DIALECTS))
        super().__init__(f"the provider {provider} is to be called in {dialect!r}; the dialects known are: {known}")


def dialect_of(provider: str, entry: ProviderEntry) -> Dialect:
    """The dialect of a provider. Raises UnknownDialect."""
    if entry.dialect not in DIALECTS:
        raise UnknownDialect(provider, entry.dialect)
    return DIALECTS[entry.dialect]
