"""Faults of what surrounds the services: the provider, the network, messages that come again."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

from chaos.chaos_log import Strike
from chaos.faults import Busy, holding
from chaos.proxy import Proxy
from chaos.system import FIRST_HOST, System
from shared.contracts.work import GenerationRequested

MESSAGE_ID = "Nats-Msg-Id"


@dataclass(frozen=True)
class Provider:
    """The model fails a share of its calls for some seconds."""

    fault: str

    @property
    def name(self) -> str:
        return f"provider {self.fault}"

    async def strike(self, system: System, strike: Strike) -> None:
        rule = {"fault": self.fault, "rate": strike.random.uniform(0.1, 0.4)}
        try:
            await system.model.put("/control", json={"faults": [rule]})
            await asyncio.sleep(strike.random.uniform(2.0, 6.0))
        finally:
            await system.model.put("/control", json={"faults": []})


class ProviderKilled:
    """The first of two providers dies with every call in hand, and is away for a while: the other has its models."""

    name: ClassVar[str] = "provider killed"

    async def strike(self, system: System, strike: Strike) -> None:
        proxy = system.proxies[FIRST_HOST]
        try:
            proxy.die()
            await asyncio.sleep(strike.random.uniform(1.0, 5.0))
        finally:
            proxy.heal()


@dataclass(frozen=True)
class Replay:
    """Messages seen on the broker are published again, without the ids that deduplicate them."""

    name: ClassVar[str] = "replay of messages"

    async def strike(self, system: System, strike: Strike) -> None:
        if not system.tapped or not system.client.is_connected:
            raise Busy
        chosen = strike.random.sample(list(system.tapped), min(len(system.tapped), strike.random.randint(5, 25)))
        for message in chosen:
            headers = {name: value for name, value in (message.headers or {}).items() if name != MESSAGE_ID}
            await system.client.publish(message.subject, message.data, headers=headers)
            if message.subject.startswith("llm.do."):
                system.record.replayed.add(GenerationRequested.model_validate_json(message.data).key)
        strike.detail = f"{len(chosen)} messages"


@dataclass(frozen=True)
class Network:
    """The proxies of some pairs cut, stall or delay what passes."""

    kind: str

    @property
    def name(self) -> str:
        return f"network {self.kind}"

    async def strike(self, system: System, strike: Strike) -> None:
        names = strike.random.sample(sorted(system.proxies), strike.random.randint(1, 2))
        strike.detail = ", ".join(names)
        with ExitStack() as holds:
            if "mongod" in names:
                # A mongod that starts looks for itself under the proxy's address.
                holds.enter_context(holding(system, "mongod"))
            await self._hurt([system.proxies[name] for name in names], strike)

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
