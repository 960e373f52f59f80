"""Two gateways side by side on a broker of each test's own; their streams are quick to say that they live."""

from collections.abc import AsyncIterator

import pytest

from support.gateway.environment import Environment, environment


@pytest.fixture
async def here(fresh_nats_url: str, mongo_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Environment]:
    monkeypatch.setenv("AGENTWARS_STREAM_HEARTBEAT_SECONDS", "0.3")
    monkeypatch.setenv("AGENTWARS_STREAM_LINGER_SECONDS", "0.2")
    async with environment(fresh_nats_url, mongo_url, gateways=2) as made:
        yield made
