"""Two gateways side by side, and chats whose engine is told by hand."""

from collections.abc import AsyncIterator

import pytest

from support.gateway.environment import Environment, environment


@pytest.fixture
async def here(nats_url: str, mongo_url: str) -> AsyncIterator[Environment]:
    async with environment(nats_url, mongo_url, gateways=2) as made:
        yield made
