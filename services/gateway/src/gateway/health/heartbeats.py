"""Which processes are alive, as they say themselves on core NATS. Soft state: a restart relearns it in seconds."""

import json
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.contracts import subjects
from shared.contracts.enums import FailureFamily
from shared.contracts.timestamps import now
from shared.logs import Logger

SERVICES = ("gateway", "orchestrator", "llm-runner", "summarizer")
FRESH_SECONDS = 15.0
FORGOTTEN_SECONDS = 300.0
PROCESSES_KEPT = 1000
LARGEST_BYTES = 64 * 1024
PROVIDERS_KEPT = 100
ERROR_CHARACTERS = 500
LONGEST_MILLISECONDS = 1e9
HIGHEST_PID = 2**31 - 1

ProviderStatus = Literal["up", "degraded", "down"]


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """What a runner says of a provider; whatever it says is one of these, for anybody may speak on the broker."""

    status: ProviderStatus = "up"
    latency_ms: float | None = None
    error: str | None = None
    family: FailureFamily | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last sign of life of one process: when it was heard, for people and (`heard`) on the monotonic clock."""

    service: str
    pid: int | None
    at: datetime
    providers: dict[str, ProviderHealth]
    heard: float

    def is_younger_than(self, seconds: float) -> bool:
        return time.monotonic() - self.heard < seconds


class Heartbeats:
    """Hears everybody's heartbeats."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._last: dict[tuple[str, str], Heartbeat] = {}

    async def listen(self, client: Client) -> None:
        """Hears them for as long as the connection lasts."""
        await client.subscribe(subjects.heartbeat("*"), cb=self._heard)

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
        body = _read(message.data)
        if body is None:
            self._log.warning("heartbeat cannot be read", service=service)
            return
        pid = _pid(body.get("pid"))
        self._last.pop((service, str(pid)), None)
        # The time of hearing, not the one it names: clocks of other machines may differ.
        self._last[service, str(pid)] = Heartbeat(
            service=service,
            pid=pid,
            at=now(),
            providers=_providers(body.get("providers")),
            heard=time.monotonic(),
        )
        if len(self._last) > PROCESSES_KEPT:
            del self._last[next(iter(self._last))]


def _read(data: bytes) -> dict[str, Any] | None:
    """The object that a heartbeat is, or None for anything else."""
    try:
        body = json.loads(data) if len(data) <= LARGEST_BYTES else None
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _pid(said: object) -> int | None:
    return said if type(said) is int and 0 < said <= HIGHEST_PID else None


def _providers(said: object) -> dict[str, ProviderHealth]:
    known = list(said.items())[:PROVIDERS_KEPT] if isinstance(said, dict) else []
    return {name: _provider_health(one) for name, one in known if isinstance(one, dict)}


def _provider_health(said: dict[str, Any]) -> ProviderHealth:
    status, error = said.get("status"), said.get("error")
    return ProviderHealth(
        status="down" if status == "down" else "degraded" if status == "degraded" else "up",
        latency_ms=_milliseconds(said.get("latencyMs")),
        # Halves of characters have no place in an answer.
        error=error[:ERROR_CHARACTERS].encode(errors="replace").decode() if isinstance(error, str) and error else None,
        family=_family(said.get("family")),
    )


def _family(said: object) -> FailureFamily | None:
    return FailureFamily(said) if isinstance(said, str) and said in set(FailureFamily) else None


def _milliseconds(said: object) -> float | None:
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return float(said) if 0 <= said < LONGEST_MILLISECONDS else None
