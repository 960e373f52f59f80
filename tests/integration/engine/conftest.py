"""The orchestrator at work; runners are the test's to start."""

from collections.abc import AsyncIterator

import pytest

from orchestrator.settings import OrchestratorSettings
from support.workers.environment import WorkerEnvironment
from support.workers.orchestrator import Orchestrator


@pytest.fixture
async def orchestrator(workers: WorkerEnvironment) -> AsyncIterator[Orchestrator]:
    made = Orchestrator(workers, settings=OrchestratorSettings(sweep_period_seconds=0.2, silence_check_seconds=0))
    async with made.playing(runner=False):
        yield made
