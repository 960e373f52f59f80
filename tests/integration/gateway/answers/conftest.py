"""Two gateways side by side on a broker of each test's own."""

from collections.abc import AsyncIterator

import pytest

from support.gateway.environment import Environment, environment


@pytest.fixture
async def here(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[Environment]:
    async with environment(fresh_nats_url, mongo_url, gateways=2) as made:
        yield made
