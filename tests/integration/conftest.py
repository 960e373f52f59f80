"""The workers' environment, and the orchestrator in it."""

from collections.abc import AsyncIterator

import pytest

from support.workers.environment import WorkerEnvironment, worker_environment
from support.workers.orchestrator import Orchestrator


@pytest.fixture
async def workers(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[WorkerEnvironment]:
    async with worker_environment(fresh_nats_url, mongo_url) as made:
        yield made


@pytest.fixture
def orchestrator(workers: WorkerEnvironment) -> Orchestrator:
    return Orchestrator(workers)
