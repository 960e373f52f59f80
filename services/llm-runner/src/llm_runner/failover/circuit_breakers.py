"""Which targets are left alone, as this process knows it: nothing of a healthy one is read, written or told."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import ValidationError

from llm_runner.providers.families import CONSEQUENCES
from llm_runner.providers.provider import ProviderFailure
from llm_runner.settings import BreakerSettings
from shared.contracts import subjects
from shared.contracts.breakers import BreakerChanged, OpenBreaker
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.timestamps import now
from shared.errors import StoreUnavailable
from shared.logs import Logger
from shared.storage import Store

LONGEST_COOL_DOWN = timedelta(hours=1)
PROBE_LOOK = timedelta(seconds=1)
"""How often a job looks whether the probe of its target was answered."""


class CircuitBreakers:
    """Breakers by target, `provider/model`. What one process finds out is told to the others.

    A target is left alone after so many failures in a row within a time that speak of its health, and for as long as it
    asks where that is longer than anybody waits, or where its account is empty.
    """

    def __init__(self, store: Store, client: Client, settings: BreakerSettings, log: Logger) -> None:
        self._store = store
        self._client = client
        self._settings = settings
        self._probe_time = timedelta(seconds=settings.breaker_probe_seconds)
        self._log = log
        self._open: dict[str, OpenBreaker] = {}
        self._failures: dict[str, deque[float]] = {}
        self._probing: set[str] = set()
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Hears what changes, then reads what stands."""
        await self._client.subscribe(subjects.BREAKERS, cb=self._on_change)
        self._open = {breaker.id: breaker for breaker in await self._store.breakers.all()}

    def open(self, target: str) -> OpenBreaker | None:
        """The breaker of a target that is to be left alone for now; one whose time is over may be probed."""
        breaker = self._open.get(target)
        return breaker if breaker is not None and breaker.stands(now()) else None

    async def admits(self, target: str) -> bool:
        """Whether a call may be made: the target is healthy, or this is the one call that probes it."""
        if target not in self._open:
            return True
        if self.open(target) is not None:
            return False
        at = now()
        if await self._store.breakers.probe(target, at, at + self._probe_time):
            self._probing.add(target)
            return True
        await self._read(target)
        return target not in self._open

    def on_answer(self, target: str) -> Callable[[], None] | None:
        """What is to be called with the first token of a probe; None for a call that probes nothing."""
        return partial(self._answered, target) if target in self._probing else None

    def _answered(self, target: str) -> None:
        """A probe is answered: nobody waits for the end of it, which may be minutes away."""
        if target in self._probing:
            self._probing.discard(target)
            self._note(target, None)
            closing = asyncio.create_task(self._close(target))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def succeeded(self, target: str) -> None:
        """A call went well."""
        if target in self._failures:
            del self._failures[target]
        if target in self._probing:
            self._probing.discard(target)
            await self._close(target)

    async def failed(self, target: str, failure: ProviderFailure) -> None:
        """A call failed: it may be one too many, or the answer to a probe."""
        probed = target in self._probing
        self._probing.discard(target)
        wait = self._cool_down(target, failure, probed=probed)
        if wait is not None:
            await self._leave_alone(target, failure, wait)
        elif probed:
            await self._kept(self._store.breakers.release(target))

    async def interrupted(self, target: str) -> None:
        """A call was closed on purpose: it says nothing of its target."""
        if target in self._probing:
            self._probing.discard(target)
            await self._kept(self._store.breakers.release(target))

    def _cool_down(self, target: str, failure: ProviderFailure, *, probed: bool) -> timedelta | None:
        """For how long the target is left alone from here on; None where it is not."""
        asked = failure.retry_after
        if asked is not None and asked > timedelta(seconds=self._settings.retry_hint_longest_seconds):
            return min(asked, LONGEST_COOL_DOWN)
        if failure.family is Family.BILLING:
            return timedelta(seconds=self._settings.breaker_billing_seconds)
        if not CONSEQUENCES[failure.family].trips:
            return None
        return timedelta(seconds=self._settings.breaker_open_seconds) if probed or self._one_too_many(target) else None

    def _one_too_many(self, target: str) -> bool:
        at, most = time.monotonic(), self._settings.breaker_failures
        failures = self._failures.setdefault(target, deque(maxlen=most))
        failures.append(at)
        return len(failures) == most and at - failures[0] <= self._settings.breaker_window_seconds

    async def _leave_alone(self, target: str, failure: ProviderFailure, wait: timedelta) -> None:
        self._failures.pop(target, None)
        breaker = OpenBreaker(id=target, open_until=now() + wait, family=failure.family, message=str(failure))
        self._log.warning("target left alone", target=target, seconds=wait.total_seconds(), family=failure.family)
        await self._kept(self._store.breakers.open(breaker))
        await self._tell(target, breaker)

    async def _close(self, target: str) -> None:
        await self._kept(self._store.breakers.close(target))
        await self._tell(target, None)

    async def _kept(self, change: Awaitable[None]) -> None:
        """A change that the store does not take now costs no answer: a probe's time ends by itself."""
        try:
            await change
        except StoreUnavailable as error:
            self._log.warning("a breaker could not be stored", error=str(error))

    async def _tell(self, target: str, breaker: OpenBreaker | None) -> None:
        self._note(target, breaker)
        changed = BreakerChanged(target=target, breaker=breaker)
        try:
            await self._client.publish(subjects.BREAKERS, changed.model_dump_json(by_alias=True).encode())
        except NatsError as error:
            # An answer that was paid for is not lost over it: the others find out by asking.
            self._log.warning("a breaker could not be told", error=str(error))

    async def _on_change(self, message: Msg) -> None:
        try:
            changed = BreakerChanged.model_validate(orjson.loads(message.data))
        except (orjson.JSONDecodeError, ValidationError):
            self._log.warning("a change of a breaker could not be read")
            return
        self._note(changed.target, changed.breaker)

    async def _read(self, target: str) -> None:
        """What others did since, where their word was lost."""
        standing = {breaker.id: breaker for breaker in await self._store.breakers.all()}
        self._note(target, standing.get(target))

    def _note(self, target: str, breaker: OpenBreaker | None) -> None:
        if breaker is None:
            self._open.pop(target, None)
        else:
            self._open[target] = breaker


def earliest(breakers: list[OpenBreaker], moment: datetime) -> datetime:
    """When it is worth looking at the first of them again: of one that is probed, soon, for it may be answered."""
    return min(max(breaker.open_until, min(breaker.until, moment + PROBE_LOOK)) for breaker in breakers)
