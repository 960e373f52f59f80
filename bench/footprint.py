"""What the stack takes from the machine: processor time and resident memory, by process, the demo model aside."""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import psutil

from local_stack.stack import Stack

SAMPLE_SECONDS = 0.5
MEGABYTE = 1_000_000
NOT_OURS = frozenset({"demo-model"})


@dataclass(frozen=True)
class Footprint:
    """Processor seconds over a span, and the most resident memory seen in it, in megabytes; by process name."""

    processor_seconds: dict[str, float]
    memory_mb: dict[str, float]
    memory_mb_at_once: float
    """The largest sum at any one moment."""


@dataclass
class Watch:
    """Samples the stack for the length of an `async with` block; `footprint` then says what it took."""

    stack: Stack
    _before: dict[str, float] = field(default_factory=dict)
    _most: dict[str, float] = field(default_factory=dict)
    _most_at_once: float = 0.0
    _sampling: asyncio.Task[None] | None = None
    footprint: Footprint = field(default_factory=lambda: Footprint({}, {}, 0.0))

    async def __aenter__(self) -> Self:
        self._before = self._processor_seconds()
        self._sampling = asyncio.create_task(self._sample())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sampling is not None:
            self._sampling.cancel()
            await asyncio.wait([self._sampling])
        self._look()
        after = self._processor_seconds()
        spent = {name: after[name] - self._before.get(name, 0.0) for name in after}
        self.footprint = Footprint(spent, self._most, self._most_at_once)

    async def _sample(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(SAMPLE_SECONDS)

    def _look(self) -> None:
        now = {name: process.memory_info().rss / MEGABYTE for name, process in self._processes().items()}
        self._most = {name: max(megabytes, self._most.get(name, 0.0)) for name, megabytes in now.items()}
        self._most_at_once = max(self._most_at_once, sum(now.values()))

    def _processor_seconds(self) -> dict[str, float]:
        taken = {name: process.cpu_times() for name, process in self._processes().items()}
        return {name: times.user + times.system for name, times in taken.items()}

    def _processes(self) -> dict[str, psutil.Process]:
        """Raises psutil.NoSuchProcess for one that died: what follows would measure nothing."""
        return {one.name: psutil.Process(one.pid) for one in self.stack.processes if one.name not in NOT_OURS}
