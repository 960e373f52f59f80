"""Everything on one machine: servers, bootstrap, services and demo model, as supervised processes.

    nats-server ─┐
    mongod ──────┴─▶ bootstrap ─▶ gateway, orchestrator, llm-runner, summarizer   (demo model: from the start)

Ended in the opposite order. What dies in between is started again.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from local_stack.data_directory import exclusive
from local_stack.demo_registry import OPENAI, demo_registry
from local_stack.environments import only
from local_stack.errors import NotReadyInTime, PortTaken, ProcessEnded, UnknownService
from local_stack.finder import External, find_mongo, find_nats
from local_stack.footprint import processor_seconds, resident_bytes
from local_stack.liveness import Liveness
from local_stack.ports import LOOPBACK, free_port, is_free
from local_stack.processes import Process, end_together
from local_stack.readiness import Target, wait_until_ready
from local_stack.servers import MongoServer, NatsServer, Server
from local_stack.services import (
    BOOTSTRAP,
    GATEWAY,
    SERVICES,
    Service,
    bootstrap_environment,
    demo_model_command,
    service_environment,
)
from local_stack.supervisor import Supervisor

NATS_URL_FILE = "nats-url"
_BOOTSTRAP_SECONDS = 60.0
_GATEWAY_STOP_SECONDS, _WORKER_STOP_SECONDS, _SERVER_STOP_SECONDS = 4.0, 5.0, 5.0  # in all below 15


def _say_nothing(_line: str) -> None:
    return None


@dataclass
class Stack:
    """The whole stack, for the length of an `async with` block.

    Entering starts the processes, `ready` waits for them; URLs and processes are known once it is entered.
    Enter it on a thread that outlives it (the main thread): see tether.py.

    Raises on entering: PortTaken, DataDirectoryInUse, ServerNotFound, ProcessEnded,
    NotReadyInTime.
    """

    data_dir: Path
    replicas: Mapping[str, int] = field(default_factory=dict)
    """Processes by service name; one each where nothing is said."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the launcher's own environment, for every service."""
    gateway_port: int | None = None
    """Of the first gateway, the others follow; free ports if None."""
    nats_port: int | None = None
    mongo_port: int | None = None
    demo_model: bool = True
    demo_port: int | None = None
    demo_seed: int = 7
    demo_arguments: Sequence[str] = ()
    fault_models: Sequence[str] = ()
    demo_dialects: Sequence[str] = OPENAI
    """What the demo model is called in: of `DEMO_DIALECTS`, a provider each."""
    services: Sequence[Service] = SERVICES
    bootstrap: Sequence[str] = BOOTSTRAP
    report: Callable[[str], None] = _say_nothing
    """Told one line for each process that died and is started again."""

    gateway_urls: list[str] = field(default_factory=list, init=False)
    nats_url: str = field(default="", init=False)
    nats_monitor_url: str | None = field(default=None, init=False)
    """Where our own nats-server counts its messages; None for somebody else's."""
    mongo_url: str = field(default="", init=False)
    demo_model_url: str | None = field(default=None, init=False)
    """Without a path."""

    def __post_init__(self) -> None:
        known = [service.name for service in self.services]
        for name in self.replicas:
            if name not in known:
                raise UnknownService(name, known)
        self._servers: list[Server] = []
        self._replicas: dict[str, list[Process]] = {}
        self._demo: Process | None = None
        self._targets: list[Target] = []
        self._environment: dict[str, str] = {}
        self._supervisor = Supervisor(self.report)
        self._liveness = Liveness(self.report)
        self._cleanup = AsyncExitStack()

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.data_dir / "logs"

    @property
    def processes(self) -> list[Process]:
        """All that were started, the bootstrap not included."""
        services = [process for replicas in self._replicas.values() for process in replicas]
        return [server.process for server in self._servers] + services + ([self._demo] if self._demo else [])

    def process(self, name: str, index: int = 0) -> Process:
        """A service's replica, or `nats-server`, `mongod`, `demo-model`. Raises UnknownService."""
        if index < len(self._replicas.get(name, [])):
            return self._replicas[name][index]
        by_name = {process.name: process for process in self.processes}
        if name not in by_name or index > 0:
            raise UnknownService(f"{name}-{index}", list(by_name))
        return by_name[name]

    def readiness_url(self, name: str, index: int = 0) -> str:
        """Where a service's replica says whether it is ready. Raises UnknownService."""
        process = self.process(name, index)
        return next(target.url for target in self._targets if target.process is process)

    async def __aenter__(self) -> Self:
        self._plan_gateway_ports()
        async with AsyncExitStack() as cleanup:
            cleanup.enter_context(exclusive(self.data_dir))
            cleanup.push_async_callback(asyncio.to_thread, self._end)
            await self._start()
            self._cleanup = cleanup.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._cleanup.aclose()

    async def ready(self, timeout: float = 60.0) -> None:
        """Returns as soon as every process is ready, at most `timeout` seconds from now.

        Raises NotReadyInTime, or ProcessEnded for a process that fails start after start.
        """
        await wait_until_ready(self._targets, timeout, self._supervisor.failures_in_a_row)

    def kill(self) -> None:
        """kill -9 of everything, for good: the stack's end is then a formality."""
        for process in self.processes:
            process.hold()

    def memory(self) -> dict[str, int]:
        """Resident bytes by process name."""
        return {process.name: resident_bytes(process.pid) for process in self.processes}

    def processor_seconds(self) -> dict[str, float]:
        """Processor time by process name, since each last started."""
        return {process.name: processor_seconds(process.pid) for process in self.processes}

    # Starting

    async def _start(self) -> None:
        self._keep_last_logs()
        self._environment = {**os.environ, **self.env, "PYTHONUNBUFFERED": "1"}
        if self.demo_model:
            self._start_demo_model()
        await self._start_servers()
        await self._run_bootstrap()
        for service in self.services:
            self._start_service(service)
        for process in self.processes:
            self._supervisor.watch(process)
        self._supervisor.start()
        for server in self._servers:
            self._liveness.watch(server)

    def _keep_last_logs(self) -> None:
        for log in list(self.logs.glob("*.log")):
            log.replace(log.with_suffix(".log.last"))

    def _plan_gateway_ports(self) -> None:
        count, first = self.replicas.get(GATEWAY, 1), self.gateway_port
        ports = [free_port() if first is None else first + index for index in range(count)]
        for port in ports:
            if not is_free(port):
                raise PortTaken(port)
        self.gateway_urls = [f"http://{LOOPBACK}:{port}" for port in ports]

    def _start_demo_model(self) -> None:
        port = self.demo_port or free_port()
        ledger = self.data_dir / "demo-model-ledger.jsonl"
        command = demo_model_command(port, self.demo_seed, ledger, self.demo_arguments)
        self._demo = Process("demo-model", command, only(self._environment), self.logs / "demo-model.log")
        self._demo.start()
        self.demo_model_url = f"http://{LOOPBACK}:{port}"
        self._targets.append(Target(self._demo, f"{self.demo_model_url}/healthz"))
        self._environment["AGENTWARS_PROVIDERS"] = self.env.get(
            "AGENTWARS_PROVIDERS", demo_registry(self.demo_model_url, self.fault_models, self.demo_dialects)
        )

    async def _start_servers(self) -> None:
        nats, mongo = find_nats(self._environment), find_mongo(self._environment)
        match nats:
            case External(url):
                self.nats_url = url
            case binary:
                server = NatsServer(binary.path, self.data_dir / "nats", self.logs, self.nats_port)
                self.nats_url = self._start_server(server)
                self.nats_monitor_url = f"http://{LOOPBACK}:{server.monitor_port}"
        match mongo:
            case External(url):
                self.mongo_url = url
            case binary:
                store = MongoServer(binary.path, self.data_dir / "mongo", self.logs, self.mongo_port)
                self.mongo_url = self._start_server(store)
        await asyncio.gather(*(asyncio.to_thread(server.wait_ready) for server in self._servers))
        # For commands as docs print them: our own server has another port at every start.
        (self.data_dir / NATS_URL_FILE).write_text(f"{self.nats_url}\n")
        self._environment |= {"AGENTWARS_NATS_URL": self.nats_url, "AGENTWARS_MONGO_URL": self.mongo_url}
        self._environment.setdefault("AGENTWARS_MONGO_DATABASE", "agentwars")

    def _start_server(self, server: Server) -> str:
        self._servers.append(server)
        server.process.start()
        return server.url

    async def _run_bootstrap(self) -> None:
        environment = bootstrap_environment(self._environment)
        process = Process("bootstrap", self.bootstrap, environment, self.logs / "bootstrap.log")
        process.start()
        try:
            status = await asyncio.to_thread(process.wait, _BOOTSTRAP_SECONDS)
        finally:
            process.hold()
        if status is None:
            raise NotReadyInTime(process.name, _BOOTSTRAP_SECONDS, "it still runs", process.log, process.log_tail())
        if status != 0:
            raise ProcessEnded(process.name, status, process.log, process.log_tail())

    def _start_service(self, service: Service) -> None:
        for index, port in enumerate(self._ports(service)):
            name = f"{service.name}-{index}"
            environment = service_environment(self._environment, service, port)
            process = Process(name, service.command, environment, self.logs / f"{name}.log")
            self._replicas.setdefault(service.name, []).append(process)
            process.start()
            self._targets.append(Target(process, f"http://{LOOPBACK}:{port}/readyz"))

    def _ports(self, service: Service) -> Iterable[int]:
        if service.name == GATEWAY:
            return [int(url.rpartition(":")[2]) for url in self.gateway_urls]
        return [free_port() for _ in range(self.replicas.get(service.name, 1))]

    # Ending

    def _end(self) -> None:
        for process in self.processes:
            process.wanted = False
        gateways = self._replicas.get(GATEWAY, [])
        servers = [server.process for server in self._servers]
        workers = [process for process in self.processes if process not in gateways and process not in servers]
        end_together(gateways, _GATEWAY_STOP_SECONDS)
        end_together(workers, _WORKER_STOP_SECONDS)
        end_together(servers, _SERVER_STOP_SECONDS)
        self._liveness.stop()
        # Last, because what its thread started would die with it.
        self._supervisor.stop()
