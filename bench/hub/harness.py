"""Where the hub is measured: one gateway on a real nats-server and mongod, beside the two it is compared with."""

import asyncio
import json
import os
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from asyncio.subprocess import Process as Child
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import nats
import psutil
import structlog

from bench.hub.nchan import nchan_command
from bench.product import NotMeasured
from local_stack.ports import LOOPBACK, free_port
from local_stack.processes import Process
from local_stack.services import GATEWAY, SERVICES
from local_stack.stack import Stack
from shared.contracts import subjects
from shared.contracts.enums import RunKind
from shared.contracts.identity import conversation_id, new_id
from shared.contracts.runs import Budget, Control, Run
from shared.contracts.settings import ConversationSettings, Participant, RunSettings
from shared.contracts.timestamps import now
from shared.settings import MongoSettings
from shared.storage import Store

READY_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 120.0
TIMEOUT_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Served:
    """A server that is measured: where it listens, its process, and the path of a run's events."""

    name: str
    port: int
    pid: int
    path: str

    def group(self, run_id: str, clients: int, last_ids: list[str] | None = None) -> dict[str, Any]:
        """Clients of one run, as the readers' program takes them."""
        path = self.path.format(run=run_id)
        return {"host": LOOPBACK, "port": self.port, "path": path, "clients": clients, "lastIds": last_ids}

    def spent(self) -> float:
        """Processor seconds so far."""
        return sum(sum(one.cpu_times()[:2]) for one in self._processes())

    def resident(self) -> int:
        """Bytes of memory held now."""
        return sum(one.memory_info().rss for one in self._processes())

    def _processes(self) -> list[psutil.Process]:
        first = psutil.Process(self.pid)
        return [first, *first.children(recursive=True)]


class HubHarness:
    """A running stack without an engine: the bench tells the runs itself."""

    def __init__(self, stack: Stack, store: Store, folder: Path) -> None:
        self.stack = stack
        self._store = store
        self._folder = folder

    @property
    def gateway(self) -> Served:
        port = int(self.stack.gateway_urls[0].rpartition(":")[2])
        return Served("gateway", port, self.stack.process(GATEWAY).pid, "/api/runs/{run}/events")

    async def new_run(self, conversations: int = 1) -> str:
        """A run of which nothing was told yet; returns its id."""
        run = _run(conversations)
        await self._store.runs.insert(run)
        return run.id

    async def begun_run(self) -> str:
        """A run whose history has its first event, so that it can be replayed; returns its id."""
        run_id = await self.new_run()
        client = await nats.connect(self.stack.nats_url)
        try:
            about = {"Aw-Type": "run.started", "Aw-Run-Id": run_id}
            await client.jetstream().publish(subjects.events(run_id), b"{}", headers=about)
        finally:
            await client.close()
        return run_id

    @asynccontextmanager
    async def queues(self) -> AsyncIterator[Served]:
        """The server with a queue per client."""
        port = free_port()
        command = [sys.executable, "-m", "bench.hub.queues", self.stack.nats_url, str(port)]
        async with self._serving("queue per client", command, port, "/events/{run}") as served:
            yield served

    @asynccontextmanager
    async def nchan(self) -> AsyncIterator[Served | None]:
        """nginx with nchan, or None where it is not installed."""
        port = free_port()
        command = nchan_command(self._folder / "nchan", port)
        if command is None:
            yield None
            return
        async with self._serving("nchan", command, port, "/events?id={run}") as served:
            yield served

    @asynccontextmanager
    async def _serving(self, name: str, command: list[str], port: int, path: str) -> AsyncIterator[Served]:
        process = Process(name, command, os.environ, self._folder / f"{name.replace(' ', '-')}.log")
        process.start()
        try:
            await _until_ready(f"http://{LOOPBACK}:{port}/readyz", process)
            yield Served(name, port, process.pid, path)
        finally:
            process.terminate(2.0)

    @asynccontextmanager
    async def fresh_gateway(self) -> AsyncIterator[Served]:
        """The gateway, started anew: what was measured before it leaves no memory behind."""
        process = self.stack.process(GATEWAY)
        process.hold()
        process.start()
        await _until_ready(f"{self.stack.gateway_urls[0]}/readyz", process)
        yield self.gateway


class Program:
    """A program of this bench that talks in lines of JSON."""

    def __init__(self, child: Child) -> None:
        self._child = child

    async def answer(self) -> dict[str, Any]:
        """Its next line. Raises NotMeasured where it ended or says nothing."""
        assert self._child.stdout is not None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                line = await self._child.stdout.readline()
        except TimeoutError as late:
            raise NotMeasured("a program of the bench says nothing") from late
        if not line:
            raise NotMeasured(f"a program of the bench ended with status {await self._child.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def ask(self, line: str = "mark") -> dict[str, Any]:
        """Its answer to a line."""
        self.say(line)
        return await self.answer()

    def say(self, line: str) -> None:
        """Writes a line to its input."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{line}\n".encode())


@asynccontextmanager
async def program(name: str, options: Mapping[str, Any]) -> AsyncIterator[Program]:
    """A module of this package as a process, its options the first line of its input; it ends with the block."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", f"bench.hub.{name}", stdin=PIPE, stdout=PIPE)
    try:
        running = Program(child)
        running.say(json.dumps(options))
        yield running
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


@asynccontextmanager
async def running_hub_harness() -> AsyncIterator[HubHarness]:
    """A stack of servers and one gateway, for the length of an `async with` block. Raises what `Stack` raises."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    gateway_only = [service for service in SERVICES if service.name == GATEWAY]
    with tempfile.TemporaryDirectory(prefix="agentwars-bench-hub-") as folder:
        stack = Stack(Path(folder), services=gateway_only)
        async with stack:
            await stack.ready(READY_SECONDS)
            store = Store(MongoSettings(mongo_url=stack.mongo_url))
            try:
                yield HubHarness(stack, store, Path(folder))
            finally:
                store.close()


def channel(run_id: str, index: int = 1, facts: bool = False) -> dict[str, str]:
    """Where the publisher puts what a conversation says: its texts, or the run's facts."""
    conversation = conversation_id(run_id, index)
    subject = subjects.events(run_id) if facts else subjects.text(run_id, conversation)
    return {"run": run_id, "conversation": conversation, "subject": subject}


def _run(conversations: int) -> Run:
    voice: dict[str, Any] = {"system_prompt": "Be kind.", "provider": "demo", "model": "demo-standard"}
    scenario = ConversationSettings(
        agent=Participant(name="agent", **voice), opponent=Participant(name="person", **voice)
    )
    settings = RunSettings(
        kind=RunKind.SCALE, total=conversations, concurrency=1, scenarios=(scenario,), max_budget_nanos=10**9
    )
    moment = now()
    return Run(
        id=new_id(),
        tenant="default",
        user="anonymous",
        kind=RunKind.SCALE,
        settings=settings,
        control=Control(changed_at=moment),
        budget=Budget(max=10**9),
        created_at=moment,
        deadline_at=moment,
    )


async def _until_ready(url: str, process: Process) -> None:
    give_up_at = time.monotonic() + READY_SECONDS
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        while True:
            with suppress(httpx.TransportError):
                if (await client.get(url)).status_code == httpx.codes.OK:
                    return
            if not process.is_running or time.monotonic() > give_up_at:
                raise NotMeasured(f"{process.name} is not ready: {process.log_tail()}")
            await asyncio.sleep(0.05)
