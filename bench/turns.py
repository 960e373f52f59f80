"""Overhead per turn: conversations through the whole stack, each measurement beside a floor of the same minute."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass, replace

from bench.footprint import Footprint, Watch
from bench.harness import Harness
from bench.model import Calls
from bench.product import NotMeasured
from bench.traffic import Traffic
from bench.workload import MESSAGES, Case

FLOOR_SECONDS = 180.0


@dataclass(frozen=True)
class FloorRun:
    """One repetition of the floor. `span_seconds` as the model's ledger has it."""

    span_seconds: float
    processor_seconds: float


@dataclass(frozen=True)
class ProductRun:
    """One repetition of the product. `told_seconds` is its span by its own events.

    Processor time and traffic are those of the conversations alone, memory is the most until the report is there.
    """

    span_seconds: float
    told_seconds: float
    calls: int
    footprint: Footprint
    traffic: Traffic


async def play_floor(harness: Harness, case: Case) -> FloorRun:
    """Plays the case on the bare SDK, in a process of its own. Raises NotMeasured where it fails."""
    index = await harness.model.next_index()
    command = (sys.executable, "-m", "bench.floor", harness.model.url, str(case.at_once))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    try:
        async with asyncio.timeout(FLOOR_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise NotMeasured(f"the floor ended with status {process.returncode}")
    calls = await _calls(harness, index, case.turns)
    return FloorRun(calls.span_seconds, json.loads(output)["processorSeconds"])


async def play_product(harness: Harness, agent_id: str, case: Case) -> ProductRun:
    """Plays the case through the gateway, and waits until its report is there. Raises NotMeasured."""
    index, before = await harness.model.next_index(), await harness.counters.read()
    async with Watch(harness.stack) as whole:
        async with Watch(harness.stack) as played:
            run_id = await harness.product.start(agent_id, case)
            await harness.product.until_played(run_id)
        after = await harness.counters.read()
        await harness.product.until_ended(run_id)
    calls = await _calls(harness, index, case.turns + (case.turns // 2 if case.judged else 0))
    told = await harness.product.told(run_id)
    most = whole.footprint
    footprint = replace(played.footprint, memory_mb=most.memory_mb, memory_mb_at_once=most.memory_mb_at_once)
    return ProductRun(calls.span_seconds, told.span_seconds, calls.count, footprint, after.since(before))


async def _calls(harness: Harness, index: int, expected: int) -> Calls:
    """The model's own account of the case. Raises NotMeasured where other work was done than asked for."""
    calls = await harness.model.calls_since(index)
    if calls.count != expected:
        raise NotMeasured(f"{calls.count} calls were made instead of {expected} ({MESSAGES} messages a conversation)")
    return calls
