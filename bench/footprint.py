"""What the stack takes from the machine: processor time and resident memory, by process, the demo model aside."""

import asyncio
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import psutil

from local_stack.stack import Stack

SAMPLE_SECONDS = 0.5
MEGABYTE = 1_000_000
DEMO_MODEL, BENCH = "demo-model", "bench"


@dataclass(frozen=True)
class Footprint:
    """Processor seconds over a span, and the most resident memory seen in it, in megabytes; by process name."""

    processor_seconds: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)
    memory_mb_at_once: float = 0.0
    """The largest sum at any one moment."""
    cores_elsewhere: float = 0.0
    """How many cores somebody else kept busy: the more, the less the times mean."""


@dataclass(frozen=True)
class _Clocks:
    """Seconds: of this machine's processors, of each process, of the wall."""

    busy: float
    processes: dict[str, float]
    wall: float = field(default_factory=time.monotonic)


@dataclass
class Watch:
    """Samples the stack for the length of an `async with` block; `footprint` then says what it took."""

    stack: Stack
    footprint: Footprint = field(default_factory=Footprint)
    _before: _Clocks | None = None
    _most: dict[str, float] = field(default_factory=dict)
    _most_at_once: float = 0.0
    _sampling: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._before = self._clocks()
        self._sampling = asyncio.create_task(self._sample())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sampling is not None:
            self._sampling.cancel()
            await asyncio.wait([self._sampling])
        self._look()
        before, after = self._before or self._clocks(), self._clocks()
        spent = {name: seconds - before.processes.get(name, 0.0) for name, seconds in after.processes.items()}
        elsewhere = (after.busy - before.busy - sum(spent.values())) / (after.wall - before.wall)
        ours = {name: seconds for name, seconds in spent.items() if name not in (DEMO_MODEL, BENCH)}
        self.footprint = Footprint(ours, self._most, self._most_at_once, max(0.0, elsewhere))

    async def _sample(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(SAMPLE_SECONDS)

    def _look(self) -> None:
        processes = self._processes()
        del processes[DEMO_MODEL]
        now = {name: process.memory_info().rss / MEGABYTE for name, process in processes.items()}
        self._most = {name: max(megabytes, self._most.get(name, 0.0)) for name, megabytes in now.items()}
        self._most_at_once = max(self._most_at_once, sum(now.values()))

    def _clocks(self) -> _Clocks:
        machine = psutil.cpu_times()
        taken = {name: one.cpu_times() for name, one in (self._processes() | {BENCH: psutil.Process()}).items()}
        return _Clocks(
            sum(machine) - machine.idle - getattr(machine, "iowait", 0.0) - getattr(machine, "guest", 0.0),
            {name: times.user + times.system for name, times in taken.items()},
        )

    def _processes(self) -> dict[str, psutil.Process]:
        """Raises psutil.NoSuchProcess for one that died: what follows would measure nothing."""
        return {one.name: psutil.Process(one.pid) for one in self.stack.processes}
