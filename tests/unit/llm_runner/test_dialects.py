"""Which dialect a provider is called in."""

import pytest
import structlog

from llm_runner.app import Runner
from llm_runner.providers.dialects import UnknownDialect
from shared.logs import Logger
from shared.routing import ModelEntry, ProviderEntry, Registry

LOG: Logger = structlog.get_logger("test")


def test_an_unknown_dialect_ends_the_process_at_its_start_and_names_the_known_ones() -> None:
    entry = ProviderEntry(base_url="http://127.0.0.1:1", dialect="morse", models={"m": ModelEntry()})
    with pytest.raises(UnknownDialect, match=r"the provider ours .* 'morse'; .* known are: .*openai"):
        Runner(Registry(providers={"ours": entry}), {}, LOG)
