"""A run that is over but for its report."""

from collections.abc import AsyncIterator

import pytest

from support.workers.environment import WorkerEnvironment, worker_environment
from support.workers.finished_run import FinishedRun, registry


@pytest.fixture
async def workers(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[WorkerEnvironment]:
    async with worker_environment(fresh_nats_url, mongo_url, registry()) as made:
        yield made


@pytest.fixture
def finished(workers: WorkerEnvironment) -> FinishedRun:
    return FinishedRun(workers)


@pytest.fixture
async def served(finished: FinishedRun) -> AsyncIterator[FinishedRun]:
    """The summarizer works on it."""
    async with finished.served():
        yield finished
