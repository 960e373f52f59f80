"""The orchestrator's models are scripted: their registry has plain prices."""

from collections.abc import AsyncIterator

import pytest

from support.builders import registry
from support.workers.environment import WorkerEnvironment, worker_environment


@pytest.fixture
async def workers(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[WorkerEnvironment]:
    async with worker_environment(fresh_nats_url, mongo_url, registry()) as made:
        yield made
