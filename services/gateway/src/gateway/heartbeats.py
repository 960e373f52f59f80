"""Which processes are alive, as they say themselves on core NATS. Soft state: a restart relearns it in seconds."""

import asyncio
import json
import os
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from shared.contracts.record import iso, now
from shared.logs import Logger
from shared.messaging import subjects

SERVICES = ("gateway", "orchestrator", "llm-runner", "summarizer")
INTERVAL_SECONDS = 5.0
FRESH_SECONDS = 15.0
FORGOTTEN_SECONDS = 300.0
PROCESSES_KEPT = 1000
LARGEST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last sign of life of one process: when it was heard, for people and (`heard`) on the monotonic clock."""

    service: str
    pid: int | None
    at: datetime
    providers: dict[str, Any]
    heard: float

    def is_younger_than(self, seconds: float) -> bool:
        return time.monotonic() - self.heard < seconds


class Heartbeats:
    """Hears everybody's heartbeats and sends this process's own."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._last: dict[tuple[str, str], Heartbeat] = {}

    async def run(self, client: Client) -> None:
        """Listens and sends until cancelled."""
        await client.subscribe(subjects.heartbeat("*"), cb=self._heard)
        while True:
            try:
                await client.publish(subjects.heartbeat("gateway"), _own())
            except NatsError as error:
                self._log.warning("heartbeat not sent", error=repr(error))
            await asyncio.sleep(INTERVAL_SECONDS)

    def fresh(self, service: str) -> list[Heartbeat]:
        """The processes of a service heard of late, the latest first."""
        return [one for one in self.known(service) if one.is_younger_than(FRESH_SECONDS)]

    def known(self, service: str) -> list[Heartbeat]:
        """Every process of a service heard of in the last minutes, the latest first."""
        everyone = (one for one in self._last.values() if one.service == service)
        found = [one for one in everyone if one.is_younger_than(FORGOTTEN_SECONDS)]
        return sorted(found, key=lambda one: one.heard, reverse=True)

    async def _heard(self, message: Msg) -> None:
        service = message.subject.split(".")[1]
        try:
            body = json.loads(message.data) if len(message.data) <= LARGEST_BYTES else None
        except ValueError:
            body = None
        if not isinstance(body, dict):
            self._log.warning("heartbeat cannot be read", service=service)
            return
        pid, providers = body.get("pid"), body.get("providers")
        self._last.pop((service, str(pid)), None)
        # The time of hearing, not the one it names: clocks of other machines may differ.
        self._last[service, str(pid)] = Heartbeat(
            service=service,
            pid=pid if isinstance(pid, int) else None,
            at=now(),
            providers=providers if isinstance(providers, dict) else {},
            heard=time.monotonic(),
        )
        if len(self._last) > PROCESSES_KEPT:
            del self._last[next(iter(self._last))]


def _own() -> bytes:
    return json.dumps({"service": "gateway", "pid": os.getpid(), "at": iso(now())}).encode()
