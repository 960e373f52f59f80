"""The figures of one bench, and what is made of them: medians and ratios."""

import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.first_token import FirstTokens
from bench.turns import FloorRun, ProductRun
from bench.workload import MESSAGES, Case


@dataclass
class CaseResult:
    """One case and its repetitions; repetition i of floor and product are neighbours in time."""

    case: Case
    floor: list[FloorRun] = field(default_factory=list)
    product: list[ProductRun] = field(default_factory=list)

    @property
    def floor_seconds(self) -> float:
        return median(run.span_seconds for run in self.floor)

    @property
    def product_seconds(self) -> float:
        return median(run.span_seconds for run in self.product)

    @property
    def told_seconds(self) -> float:
        return median(run.told_seconds for run in self.product)

    @property
    def times_floor(self) -> float:
        """The median of the ratios of neighbours, which a machine that changes its speed leaves alone."""
        pairs = zip(self.product, self.floor, strict=False)
        return median(product.span_seconds / floor.span_seconds for product, floor in pairs)

    def times(self, other: "CaseResult") -> float:
        """How much longer than another case of the same bench, as the median of the ratios of neighbours."""
        pairs = zip(self.product, other.product, strict=False)
        return median(own.span_seconds / theirs.span_seconds for own, theirs in pairs)

    @property
    def overhead_ms_per_turn(self) -> float:
        """What one message waits for beside its model."""
        return (self.product_seconds - self.case.ideal_seconds) / MESSAGES * 1000

    @property
    def floor_overhead_ms_per_turn(self) -> float:
        return (self.floor_seconds - self.case.ideal_seconds) / MESSAGES * 1000

    @property
    def floor_processor_ms_per_turn(self) -> float:
        return median(run.processor_seconds for run in self.floor) / self.case.turns * 1000

    def processor_ms_per_turn(self) -> dict[str, float]:
        """By process name."""
        return {
            name: median(run.footprint.processor_seconds.get(name, 0.0) for run in self.product)
            / self.case.turns
            * 1000
            for name in self.product[0].footprint.processor_seconds
        }

    def per_turn(self) -> dict[str, float]:
        """Store operations, requests to the store, and broker messages, a turn."""
        traffic = [run.traffic for run in self.product]
        counts = {name: median(one.store[name] for one in traffic) for name in traffic[0].store}
        counts |= {"messages in": median(one.messages_in for one in traffic)}
        counts |= {"messages out": median(one.messages_out for one in traffic)}
        return {name: count / self.case.turns for name, count in counts.items()}


@dataclass
class Results:
    """Everything one bench has measured."""

    cases: list[CaseResult] = field(default_factory=list)
    first_tokens: list[FirstTokens] = field(default_factory=list)
    idle_memory_mb: dict[str, float] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=dict)

    @property
    def memory_mb(self) -> dict[str, float]:
        """The most each process ever held."""
        watched = [self.idle_memory_mb] + [run.footprint.memory_mb for case in self.cases for run in case.product]
        return {name: max(one.get(name, 0.0) for one in watched) for name in self.idle_memory_mb}

    @property
    def memory_mb_at_once(self) -> float:
        """The most the stack ever held at one moment."""
        sums = [run.footprint.memory_mb_at_once for case in self.cases for run in case.product]
        return max([sum(self.idle_memory_mb.values()), *sums])

    def as_json(self) -> dict[str, Any]:
        """Everything as measured, nothing rounded."""
        return asdict(self)


def machine() -> dict[str, str]:
    """Where it was measured, as far as it matters."""
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    if not about.exists():
        return platform.processor()
    lines = about.read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
