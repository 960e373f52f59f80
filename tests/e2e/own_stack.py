"""A stack of a test's own, whose processes may be ended, and what tests ask about it."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import nats
from nats.aio.client import Client

from e2e.watching import Event, identity
from invariants import Witness, assert_all
from local_stack.demo_registry import OPENAI
from local_stack.processes import Process
from local_stack.stack import Stack
from shared.contracts import subjects
from shared.messaging import history
from shared.settings import MongoSettings
from shared.storage import Store

READY_SECONDS = 60.0
REST_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class OwnStack:
    """A stack, a client of each gateway, and the store and the broker behind them."""

    stack: Stack
    gateways: list[httpx.AsyncClient]
    store: Store
    client: Client

    @property
    def witness(self) -> Witness:
        return Witness(self.store, self.client)

    async def at_rest(self, run_id: str) -> None:
        """Returns once an ended run's last fact stands and no work of it is left: its status is a moment ahead."""
        async with asyncio.timeout(REST_SECONDS):
            while True:
                run = await self.witness.run(run_id)
                if run.end_sequence is not None and not await self._is_queued(run_id):
                    return
                await asyncio.sleep(0.02)

    async def assert_all(self, run_id: str) -> None:
        """Every invariant of an ended run, once it is at rest."""
        await self.at_rest(run_id)
        await assert_all(self.witness, run_id)

    async def _is_queued(self, run_id: str) -> bool:
        about = [stored.about async for stored in history.read(self.client, subjects.WORK, ">")]
        return any(run_id in one for one in about)

    async def in_hand(self, durable: str) -> int:
        """How many messages of a durable were delivered and are not settled."""
        info = await self.client.jetstream().consumer_info(subjects.WORK, durable)
        return info.num_ack_pending or 0

    async def busiest(self, seconds: float = 3.0) -> tuple[float, str]:
        """The largest share of a core that any process took within the next seconds, and whose it was."""
        before = self.stack.processor_seconds()
        await asyncio.sleep(seconds)
        after = self.stack.processor_seconds()
        return max(((after[name] - before[name]) / seconds, name) for name in before)

    async def readiness(self, service: str, index: int = 0) -> int:
        """The status of a process's `/readyz`, or 0 where nobody answers."""
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            try:
                return (await client.get(self.stack.readiness_url(service, index))).status_code
            except httpx.TransportError:
                return 0


@asynccontextmanager
async def own_stack(
    folder: Path,
    replicas: Mapping[str, int],
    demo: tuple[str, ...],
    env: Mapping[str, str] | None = None,
    dialects: Sequence[str] = OPENAI,
) -> AsyncIterator[OwnStack]:
    """A stack that is ready, whose demo model is called in these dialects."""
    async with Stack(folder, replicas=replicas, demo_arguments=demo, env=env or {}, demo_dialects=dialects) as stack:
        await stack.ready(READY_SECONDS)
        clients = [httpx.AsyncClient(base_url=url, timeout=30) for url in stack.gateway_urls]
        store = Store(MongoSettings(mongo_url=stack.mongo_url))
        client = await nats.connect(stack.nats_url, max_reconnect_attempts=-1, reconnect_time_wait=1)
        try:
            yield OwnStack(stack, clients, store, client)
        finally:
            await client.close()
            store.close()
            for gateway in clients:
                await gateway.aclose()


async def end(process: Process, seconds: float) -> float:
    """SIGTERM; returns how long it took to leave, with status 0."""
    began = time.monotonic()
    process.ask_to_end()
    status = await asyncio.to_thread(process.wait, seconds)
    assert status == 0, f"{process.name} ended with {status}: {process.log_tail()}"
    return time.monotonic() - began


class Moments:
    """When each message came to whoever follows a run."""

    def __init__(self) -> None:
        self.at: list[tuple[float, str]] = []

    def note(self, event: Event) -> None:
        if event.type == "message":
            self.at.append((time.monotonic(), identity(event.data)))

    @property
    def longest_gap(self) -> tuple[float, str]:
        """Its seconds, and between which messages it was."""
        pairs = itertools.pairwise(self.at)
        return max((later[0] - earlier[0], f"{earlier[1]} .. {later[1]}") for earlier, later in pairs)
