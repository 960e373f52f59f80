"""A store and a publisher whose holder dies right after its k-th effect, once."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from shared.errors import TransientError
from shared.messaging.publisher import Publisher
from shared.storage import Store

REPOSITORIES = ("runs", "conversations", "entries", "generations", "usage", "reports")
READS = (
    "get",
    "of_",
    "read",
    "assignment",
    "settings",
    "some",
    "control",
    "heads",
    "at",
    "begun",
    "transcript",
    "unended",
    "last_activity",
)


class Died(TransientError):
    """The look dies here: nothing after this effect happens, and its trigger comes again at once."""

    def __init__(self, effect: str) -> None:
        super().__init__(f"died after {effect}")
        self.retry_after = self.retry_after * 0


class EffectLimit:
    """Counts effects; the one numbered `last` is performed and then kills the look. With 0 nothing dies."""

    def __init__(self) -> None:
        self._last = 0
        self.effects: list[str] = []

    def begin(self, last: int) -> None:
        """Counts anew, up to the effect number `last`."""
        self._last = last
        self.effects = []

    async def performed(self, name: str, effect: Awaitable[Any]) -> Any:
        self.effects.append(name)
        fatal = len(self.effects) == self._last
        result = await effect
        if fatal:
            raise Died(name)
        return result


class _Limited:
    """Everything its subject can do; what changes something is counted."""

    def __init__(self, name: str, subject: object, limit: EffectLimit) -> None:
        self._name = name
        self._subject = subject
        self._limit = limit

    def __getattr__(self, attribute: str) -> Any:
        method: Callable[..., Awaitable[Any]] = getattr(self._subject, attribute)
        if attribute.startswith(READS):
            return method

        async def counted(*args: Any, **named: Any) -> Any:
            return await self._limit.performed(f"{self._name}.{attribute}", method(*args, **named))

        return counted


class _LimitedStore:
    def __init__(self, store: Store, limit: EffectLimit) -> None:
        for name in REPOSITORIES:
            setattr(self, name, _Limited(name, getattr(store, name), limit))


def limited_store(store: Store, limit: EffectLimit) -> Store:
    return cast(Store, _LimitedStore(store, limit))


def limited_publisher(publisher: Publisher, limit: EffectLimit) -> Publisher:
    return cast(Publisher, _Limited("publisher", publisher, limit))
