"""Where everything is measured: a stack of its own in a temporary folder, with the demo model at the bench's pace."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.model import DemoModel
from bench.product import NotMeasured, Product
from bench.traffic import Counters
from local_stack.stack import Stack

READY_SECONDS = 60.0
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Harness:
    """A running stack and what speaks to it."""

    stack: Stack
    model: DemoModel
    product: Product
    counters: Counters


@asynccontextmanager
async def running_harness(
    folder: Path | None = None, settings: Mapping[str, str] | None = None, demo_port: int | None = None
) -> AsyncIterator[Harness]:
    """A stack for the length of an `async with` block. Raises what `Stack` raises."""
    with tempfile.TemporaryDirectory(prefix="agentwars-bench-") as temporary:
        environment = {"AGENTWARS_RUNS_CEILING": "1000", **(settings or {})}
        stack = Stack(folder or Path(temporary), env=environment, demo_port=demo_port, report=_died)
        async with stack, httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            await stack.ready(READY_SECONDS)
            if stack.demo_model_url is None:
                raise NotMeasured("the stack has no demo model")
            counters = Counters(stack.mongo_url, stack.nats_monitor_url, client)
            try:
                model, product = DemoModel(stack.demo_model_url, client), Product(stack.gateway_urls[0], client)
                yield Harness(stack, model, product, counters)
            finally:
                await counters.close()


def _died(line: str) -> None:
    """A process that dies in a bench makes the figures worthless: said at once."""
    print(f"bench: {line}", flush=True)
