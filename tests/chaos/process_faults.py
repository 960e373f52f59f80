"""Faults of processes: killed, frozen, restarted. Each strikes and heals by itself."""

import asyncio
import signal
from dataclasses import dataclass
from typing import ClassVar

from chaos.chaos_log import Strike
from chaos.faults import free, holding, kill
from chaos.system import REPLICAS, System, moment

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

    async def strike(self, system: System, strike: Strike) -> None:
        await kill(system, strike, [strike.random.choice(free(system, system.names(self.service)))])


@dataclass(frozen=True)
class KillAll:
    """kill -9 of every replica of one service at once."""

    service: str

    @property
    def name(self) -> str:
        return f"kill all of {self.service}"

    async def strike(self, system: System, strike: Strike) -> None:
        await kill(system, strike, free(system, system.names(self.service)))


class KillSeveral:
    """kill -9 of some processes at once, of whatever service."""

    name: ClassVar[str] = "kill several"

    async def strike(self, system: System, strike: Strike) -> None:
        names = free(system, [name for service in REPLICAS for name in system.names(service)])
        await kill(system, strike, strike.random.sample(names, min(len(names), strike.random.randint(2, 4))))


@dataclass(frozen=True)
class KillServer:
    """kill -9 of a server, which stays away for up to three seconds."""

    server: str

    @property
    def name(self) -> str:
        return f"kill {self.server}"

    async def strike(self, system: System, strike: Strike) -> None:
        process = system.process(self.server)
        with holding(system, self.server):
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

    async def strike(self, system: System, strike: Strike) -> None:
        name = strike.random.choice(free(system, system.names(self.service)))
        process = system.process(name)
        with holding(system, name):
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

    async def strike(self, system: System, strike: Strike) -> None:
        process = system.process(self.server)
        with holding(system, self.server):
            strike.frozen.append(self.server)
            try:
                process.pause()
                await asyncio.sleep(strike.random.uniform(1.0, 8.0))
            finally:
                process.resume()


class RollingRestart:
    """SIGTERM and a new start for every replica, one after the other, each ready before the next one goes."""

    name: ClassVar[str] = "rolling restart"

    async def strike(self, system: System, strike: Strike) -> None:
        with holding(system, self.name):
            for name in [name for service in REPLICAS for name in system.names(service)]:
                if name not in system.held and system.striking:
                    await self._restart(system, name, strike)

    async def _restart(self, system: System, name: str, strike: Strike) -> None:
        with holding(system, name):
            process, asked = system.process(name), moment()
            try:
                await asyncio.to_thread(process.terminate, STOP_SECONDS)
                if process.exit_status == -signal.SIGKILL:
                    strike.detail += f"{name} did not end in {moment() - asked:.1f} s; "
            finally:
                process.start()
            await system.until_ready(name, READY_SECONDS)


class KillStalled:
    """kill -9 of a runner that reaches the store and not the broker: between a result's insert and its done."""

    name: ClassVar[str] = "kill stalled llm-runner"

    async def strike(self, system: System, strike: Strike) -> None:
        name = strike.random.choice(free(system, system.names("llm-runner")))
        proxy = system.proxies["llm-runner"]
        with holding(system, name):
            try:
                proxy.stall()
                await asyncio.sleep(strike.random.uniform(*STALLED_SECONDS))
                await kill(system, strike, [name])
            finally:
                proxy.heal()
