"""Faults of processes: killed, frozen, restarted. Each strikes and heals by itself."""

import asyncio
import signal
from dataclasses import dataclass
from typing import ClassVar

from chaos.chaos_log import Strike
from chaos.faults import free, holding, kill
from chaos.world import REPLICAS, World, moment

FROZEN_SECONDS = (16.0, 22.0)  # longer than ack_wait
STOP_SECONDS = 25.0
READY_SECONDS = 10.0
STALLED_SECONDS = (0.5, 2.0)  # an answer comes in this time, and its insert


@dataclass(frozen=True)
class Kill:
    """kill -9 of one replica; its supervisor starts it again."""

    service: str

    @property
    def name(self) -> str:
        return f"kill {self.service}"

    async def strike(self, world: World, strike: Strike) -> None:
        await kill(world, strike, [strike.random.choice(free(world, world.names(self.service)))])


@dataclass(frozen=True)
class KillAll:
    """kill -9 of every replica of one service at once."""

    service: str

    @property
    def name(self) -> str:
        return f"kill all of {self.service}"

    async def strike(self, world: World, strike: Strike) -> None:
        await kill(world, strike, free(world, world.names(self.service)))


class KillSeveral:
    """kill -9 of some processes at once, of whatever service."""

    name: ClassVar[str] = "kill several"

    async def strike(self, world: World, strike: Strike) -> None:
        names = free(world, [name for service in REPLICAS for name in world.names(service)])
        await kill(world, strike, strike.random.sample(names, min(len(names), strike.random.randint(2, 4))))


@dataclass(frozen=True)
class KillServer:
    """kill -9 of a server, which stays away for up to three seconds."""

    server: str

    @property
    def name(self) -> str:
        return f"kill {self.server}"

    async def strike(self, world: World, strike: Strike) -> None:
        process = world.process(self.server)
        with holding(world, self.server):
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
        name = strike.random.choice(free(world, world.names(self.service)))
        process = world.process(name)
        with holding(world, name):
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
        with holding(world, self.server):
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
        with holding(world, self.name):
            for name in [name for service in REPLICAS for name in world.names(service)]:
                if name not in world.held and world.striking:
                    await self._restart(world, name, strike)

    async def _restart(self, world: World, name: str, strike: Strike) -> None:
        with holding(world, name):
            process, asked = world.process(name), moment()
            try:
                await asyncio.to_thread(process.terminate, STOP_SECONDS)
                if process.exit_status == -signal.SIGKILL:
                    strike.detail += f"{name} did not end in {moment() - asked:.1f} s; "
            finally:
                process.start()
            await world.until_ready(name, READY_SECONDS)


class KillStalled:
    """kill -9 of a runner that reaches the store and not the broker: between a result's insert and its done."""

    name: ClassVar[str] = "kill stalled llm-runner"

    async def strike(self, world: World, strike: Strike) -> None:
        name = strike.random.choice(free(world, world.names("llm-runner")))
        proxy = world.proxies["llm-runner"]
        with holding(world, name):
            try:
                proxy.stall()
                await asyncio.sleep(strike.random.uniform(*STALLED_SECONDS))
                await kill(world, strike, [name])
            finally:
                proxy.heal()
