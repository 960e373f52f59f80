"""What is done to the stack. Each fault strikes and heals by itself; all of it is written down."""

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import ClassVar, Protocol

from chaos.proxy import Proxy
from chaos.record import Strike
from chaos.world import REPLICAS, SERVERS, World, moment
from shared.contracts.work import GenerationRequested

FROZEN_SECONDS = (16.0, 22.0)  # longer than ack_wait
STOP_SECONDS = 25.0
READY_SECONDS = 10.0
MESSAGE_ID = "Nats-Msg-Id"


class Busy(Exception):
    """Another fault has in its hands what this one would hurt."""


class Fault(Protocol):
    """One way to hurt the stack."""

    @property
    def name(self) -> str:
        """As the report lists it."""

    async def strike(self, world: World, strike: Strike) -> None:
        """Hurts, waits as long as it lasts, heals. Raises Busy before it has done anything."""


@dataclass(frozen=True)
class Kill:
    """kill -9 of one replica; its supervisor starts it again."""

    service: str

    @property
    def name(self) -> str:
        return f"kill {self.service}"

    async def strike(self, world: World, strike: Strike) -> None:
        await _kill(world, strike, [strike.random.choice(_free(world, world.names(self.service)))])


@dataclass(frozen=True)
class KillAll:
    """kill -9 of every replica of one service at once."""

    service: str

    @property
    def name(self) -> str:
        return f"kill all of {self.service}"

    async def strike(self, world: World, strike: Strike) -> None:
        await _kill(world, strike, _free(world, world.names(self.service)))


class KillSeveral:
    """kill -9 of some processes at once, of whatever service."""

    name: ClassVar[str] = "kill several"

    async def strike(self, world: World, strike: Strike) -> None:
        free = _free(world, [name for service in REPLICAS for name in world.names(service)])
        await _kill(world, strike, strike.random.sample(free, min(len(free), strike.random.randint(2, 4))))


@dataclass(frozen=True)
class KillServer:
    """kill -9 of a server, which stays away for up to three seconds."""

    server: str

    @property
    def name(self) -> str:
        return f"kill {self.server}"

    async def strike(self, world: World, strike: Strike) -> None:
        process = world.process(self.server)
        with _holding(world, self.server):
            strike.killed.append(self.server)
            await asyncio.to_thread(process.hold)
            try:
                await asyncio.sleep(strike.random.uniform(0.1, 3.0))
            finally:
                process.start()


@dataclass(frozen=True)
class Freeze:
    """SIGSTOP for longer than `ack_wait`: a zombie that wakes up and writes, or that is killed in its sleep."""

    service: str
    fatal: bool = False

    @property
    def name(self) -> str:
        return f"freeze {'and kill ' if self.fatal else ''}{self.service}"

    async def strike(self, world: World, strike: Strike) -> None:
        name = strike.random.choice(_free(world, world.names(self.service)))
        process = world.process(name)
        with _holding(world, name):
            strike.frozen.append(name)
            try:
                process.pause()
                await asyncio.sleep(strike.random.uniform(*FROZEN_SECONDS))
                if self.fatal:
                    strike.killed.append(name)
                    await asyncio.to_thread(process.kill)
            finally:
                process.resume()


@dataclass(frozen=True)
class FreezeServer:
    """SIGSTOP of a server for some seconds: it holds its connections and answers nothing."""

    server: str

    @property
    def name(self) -> str:
        return f"freeze {self.server}"

    async def strike(self, world: World, strike: Strike) -> None:
        process = world.process(self.server)
        with _holding(world, self.server):
            strike.frozen.append(self.server)
            try:
                process.pause()
                await asyncio.sleep(strike.random.uniform(1.0, 8.0))
            finally:
                process.resume()


class RollingRestart:
    """SIGTERM and a new start for every replica, one after the other, each ready before the next one goes."""

    name: ClassVar[str] = "rolling restart"

    async def strike(self, world: World, strike: Strike) -> None:
        with _holding(world, self.name):
            for name in [name for service in REPLICAS for name in world.names(service)]:
                if name not in world.held and world.striking:
                    await self._restart(world, name, strike)

    async def _restart(self, world: World, name: str, strike: Strike) -> None:
        with _holding(world, name):
            process, asked = world.process(name), moment()
            try:
                await asyncio.to_thread(process.terminate, STOP_SECONDS)
                if process.exit_status == -signal.SIGKILL:
                    strike.detail += f"{name} did not end in {moment() - asked:.1f} s; "
            finally:
                process.start()
            await world.until_ready(name, READY_SECONDS)


@dataclass(frozen=True)
class Provider:
    """The model fails a share of its calls for some seconds."""

    fault: str

    @property
    def name(self) -> str:
        return f"provider {self.fault}"

    async def strike(self, world: World, strike: Strike) -> None:
        rule = {"fault": self.fault, "rate": strike.random.uniform(0.1, 0.4)}
        try:
            await world.model.put("/control", json={"faults": [rule]})
            await asyncio.sleep(strike.random.uniform(2.0, 6.0))
        finally:
            await world.model.put("/control", json={"faults": []})


@dataclass(frozen=True)
class Replay:
    """Messages seen on the broker are published again, without the ids that deduplicate them."""

    name: ClassVar[str] = "replay of messages"

    async def strike(self, world: World, strike: Strike) -> None:
        if not world.tapped or not world.client.is_connected:
            raise Busy
        chosen = strike.random.sample(list(world.tapped), min(len(world.tapped), strike.random.randint(5, 25)))
        for message in chosen:
            headers = {name: value for name, value in (message.headers or {}).items() if name != MESSAGE_ID}
            await world.client.publish(message.subject, message.data, headers=headers)
            if message.subject.startswith("llm.do."):
                world.record.replayed.add(GenerationRequested.model_validate_json(message.data).key)
        strike.detail = f"{len(chosen)} messages"


@dataclass(frozen=True)
class Network:
    """The proxies of some pairs cut, stall or delay what passes."""

    kind: str

    @property
    def name(self) -> str:
        return f"network {self.kind}"

    async def strike(self, world: World, strike: Strike) -> None:
        names = strike.random.sample(sorted(world.proxies), strike.random.randint(1, 2))
        strike.detail = ", ".join(names)
        with ExitStack() as holds:
            if "mongod" in names:
                # A mongod that starts looks for itself under the proxy's address.
                holds.enter_context(_holding(world, "mongod"))
            await self._hurt([world.proxies[name] for name in names], strike)

    async def _hurt(self, proxies: list[Proxy], strike: Strike) -> None:
        try:
            for proxy in proxies:
                if self.kind == "cut":
                    proxy.cut_share(strike.random, 0.7)
                elif self.kind == "stall":
                    proxy.stall()
                else:
                    proxy.delay_seconds = strike.random.uniform(0.02, 0.2)
            if self.kind != "cut":
                await asyncio.sleep(strike.random.uniform(1.0, 8.0))
        finally:
            for proxy in proxies:
                proxy.heal()


def _free(world: World, names: Sequence[str]) -> list[str]:
    """Those of the names that no other fault has in its hands. Raises Busy where there is none."""
    free = [name for name in names if name not in world.held]
    if not free:
        raise Busy
    return free


@contextmanager
def _holding(world: World, name: str) -> Iterator[None]:
    """The process of this name is for one fault alone. Raises Busy."""
    _free(world, [name])
    world.held.add(name)
    try:
        yield
    finally:
        world.held.discard(name)


async def _kill(world: World, strike: Strike, names: Sequence[str]) -> None:
    strike.killed.extend(names)
    await asyncio.gather(*(asyncio.to_thread(world.process(name).kill) for name in names))


def all_faults() -> list[tuple[Fault, float]]:
    """Every fault with its weight: how often it strikes beside the others."""
    kills: list[tuple[Fault, float]] = [(Kill(service), 4.0) for service in REPLICAS]
    together: list[tuple[Fault, float]] = [(KillAll(service), 1.0) for service in REPLICAS]
    servers: list[tuple[Fault, float]] = [(KillServer(server), 3.0) for server in SERVERS]
    frozen: list[tuple[Fault, float]] = [
        (Freeze("llm-runner"), 1.5),
        (Freeze("orchestrator"), 1.5),
        (Freeze("summarizer"), 0.5),
        (Freeze("llm-runner", fatal=True), 0.5),
        *((FreezeServer(server), 0.7) for server in SERVERS),
    ]
    provider: list[tuple[Fault, float]] = [
        (Provider(fault), 0.5) for fault in ("500", "429", "cut-5", "stall-3", "malformed", "empty")
    ]
    network: list[tuple[Fault, float]] = [(Network(kind), 0.8) for kind in ("cut", "stall", "delay")]
    rest: list[tuple[Fault, float]] = [(KillSeveral(), 2.0), (RollingRestart(), 0.7), (Replay(), 2.0)]
    return [*kills, *together, *servers, *frozen, *provider, *network, *rest]
