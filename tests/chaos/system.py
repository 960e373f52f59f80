"""The stack under attack: real servers, every service as processes, proxies between them and the broker."""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from pymongo import MongoClient

from chaos import hostile_provider
from chaos.chaos_log import ChaosLog
from chaos.proxy import Proxy
from local_stack.demo_registry import demo_registry
from local_stack.ports import LOOPBACK, free_port
from local_stack.processes import Process
from local_stack.services import SERVICES, Service
from local_stack.stack import Stack
from shared.settings import MongoSettings
from shared.storage import Store

REPLICAS = {"gateway": 2, "orchestrator": 2, "llm-runner": 2, "summarizer": 2}
SERVERS = ("nats-server", "mongod")
CONCURRENCY, LIVE = 36, 4
TAPPED = ("cmd.run", "llm.do.>", "llm.done.>", "report.do")
TAP_LENGTH = 2000
READY_POLL_SECONDS = 0.1
FIRST_HOST, OTHER_HOST = "demo-model", "demo-model elsewhere"
"""Proxies of the demo model: to the product two providers of the same models."""
ELSEWHERE = "elsewhere"
"""What the second of them is called."""
KEY_VARIABLE = "CHAOS_API_KEY"
# What waits for silence or a time limit waits shorter here, and chats are summed up early; what is proven does not
# depend on how long and how much. ack_wait stays.
SETTINGS = {
    "AGENTWARS_RUNS_CEILING": "20",
    "AGENTWARS_SILENCE_SECONDS": "60",
    "AGENTWARS_SILENCE_CHECK_SECONDS": "5",
    "AGENTWARS_CALL_FIRST_TOKEN_SECONDS": "5",
    "AGENTWARS_CALL_BETWEEN_TOKENS_SECONDS": "5",
    "AGENTWARS_CALL_TOTAL_SECONDS": "25",
    "AGENTWARS_SUMMARY_STARTS_TOKENS": "500",
}


@dataclass
class System:
    """What faults, clients and the checker work with."""

    stack: Stack
    store: Store
    client: Client
    gateways: list[httpx.AsyncClient]
    model: httpx.AsyncClient
    proxies: dict[str, Proxy]
    secret: str
    random: Random
    record: ChaosLog
    tapped: deque[Msg] = field(default_factory=lambda: deque(maxlen=TAP_LENGTH))
    striking: bool = True
    """Until the time is up; faults of many steps then end early."""
    held: set[str] = field(default_factory=set)
    """Processes that a fault has in its hands: no other fault touches them meanwhile."""

    @property
    def ledger(self) -> Path:
        return self.stack.data_dir / "demo-model-ledger.jsonl"

    def names(self, service: str) -> list[str]:
        """The replicas of a service, by name."""
        return [f"{service}-{index}" for index in range(REPLICAS[service])]

    def process(self, name: str) -> Process:
        """A process by the name of its log: `llm-runner-1`, `mongod`."""
        return next(process for process in self.stack.processes if process.name == name)

    def gateway(self) -> httpx.AsyncClient:
        """Either gateway, at random."""
        return self.random.choice(self.gateways)

    async def until_ready(self, name: str, seconds: float) -> bool:
        """Waits for one process to say that it is ready; False where it does not in time."""
        service, _, index = name.rpartition("-")
        url = self.stack.readiness_url(service, int(index))
        ends = moment() + seconds
        while moment() < ends:
            if await self._is_ready(url):
                return True
            await asyncio.sleep(READY_POLL_SECONDS)
        return False

    async def _is_ready(self, url: str) -> bool:
        try:
            return (await self.model.get(url, timeout=2)).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    async def heal(self) -> None:
        """Everything runs, everything passes, the model answers; raises NotReadyInTime."""
        for proxy in self.proxies.values():
            proxy.heal()
        for process in self.stack.processes:
            process.resume()
            process.start()
        await self.model.put("/control", json={"faults": []})
        await self.stack.ready(90)


@asynccontextmanager
async def running_world(folder: Path, random: Random, record: ChaosLog) -> AsyncIterator[System]:
    """Starts everything; ends it, and nothing else, when the block is left."""
    ports = {"nats-server": free_port(), "mongod": free_port(), "demo-model": free_port()}
    secret = f"sk-chaos-{random.getrandbits(160):040x}"
    async with AsyncExitStack() as cleanup:
        hosts = (FIRST_HOST, OTHER_HOST)
        proxies = {host: Proxy(f"llm-runner to {host}", ports["demo-model"]) for host in hosts}
        proxies |= {one.name: Proxy(f"{one.name} to nats-server", ports["nats-server"]) for one in SERVICES}
        proxies["mongod"] = Proxy("everybody to mongod", ports["mongod"])
        for proxy in proxies.values():
            await proxy.start()
            cleanup.push_async_callback(proxy.stop)
        opening = hostile_provider.hostile_provider(record.seed, secret, record.hostile_calls, moment)
        hostile_url = await cleanup.enter_async_context(opening)
        stack = await cleanup.enter_async_context(_stack(folder, ports, proxies, secret, hostile_url))
        await asyncio.to_thread(_name_store, ports["mongod"], proxies["mongod"].port)
        await stack.ready(90)
        store = Store(MongoSettings(mongo_url=stack.mongo_url))
        cleanup.callback(store.close)
        client = await nats.connect(
            stack.nats_url, max_reconnect_attempts=-1, reconnect_time_wait=0.3, error_cb=_expected
        )
        cleanup.push_async_callback(client.close)
        clients = [
            await cleanup.enter_async_context(httpx.AsyncClient(base_url=url, timeout=10, trust_env=False))
            for url in [*stack.gateway_urls, str(stack.demo_model_url)]
        ]
        system = System(stack, store, client, clients[:-1], clients[-1], proxies, secret, random, record)
        for subject in TAPPED:
            await client.subscribe(subject, cb=_tap(system))
        yield system


def _name_store(port: int, proxy_port: int) -> None:
    """Gives the replica set's member the proxy's address: drivers go wherever the set says that its primary is."""
    client: MongoClient[dict[str, Any]] = MongoClient(LOOPBACK, port, directConnection=True, timeoutMS=10_000)
    try:
        configuration = client.admin.command("replSetGetConfig")["config"]
        configuration["version"] += 1
        configuration["members"][0]["host"] = f"{LOOPBACK}:{proxy_port}"
        client.admin.command("replSetReconfig", configuration, force=True)
    finally:
        client.close()


def _stack(folder: Path, ports: dict[str, int], proxies: dict[str, Proxy], secret: str, hostile_url: str) -> Stack:
    registry: dict[str, Any] = {}
    for provider, host in (("demo", FIRST_HOST), (ELSEWHERE, OTHER_HOST)):
        (entry,) = json.loads(demo_registry(f"http://{LOOPBACK}:{proxies[host].port}")).values()
        limits = {"concurrency": CONCURRENCY, "liveConcurrency": LIVE}
        registry[provider] = entry | {"keyVariable": KEY_VARIABLE, **limits}
    registry[hostile_provider.NAME] = hostile_provider.registry_entry(hostile_url, KEY_VARIABLE)
    pace = ("--time-to-first-token", "0.05", "--tokens-per-second", "200", "--require-key", secret)
    return Stack(
        folder,
        replicas=REPLICAS,
        env=SETTINGS | {"AGENTWARS_PROVIDERS": json.dumps(registry), KEY_VARIABLE: secret},
        nats_port=ports["nats-server"],
        mongo_port=ports["mongod"],
        demo_port=ports["demo-model"],
        demo_arguments=pace,
        services=[_behind(service, proxies[service.name]) for service in SERVICES],
    )


def _behind(service: Service, proxy: Proxy) -> Service:
    """The service, reaching the broker through a proxy of its own."""
    url = f"AGENTWARS_NATS_URL=nats://{LOOPBACK}:{proxy.port}"
    return Service(
        service.name,
        ("env", url, *service.command),
        service.port_variable,
        holds_provider_keys=service.holds_provider_keys,
    )


def _tap(system: System):  # type: ignore[no-untyped-def] # a callback of nats-py
    async def hear(message: Msg) -> None:
        system.tapped.append(message)

    return hear


async def _expected(_error: Exception) -> None:
    """The broker is killed on purpose: the client reconnects by itself."""


def moment() -> float:
    """Seconds since 1970, as the ledger counts them."""
    return time.time()
