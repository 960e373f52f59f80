"""What every fault is, and how it takes hold of what it hurts."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from chaos.chaos_log import Strike
from chaos.system import System


class Busy(Exception):
    """Another fault has in its hands what this one would hurt."""


class Fault(Protocol):
    """One way to hurt the stack."""

    @property
    def name(self) -> str:
        """As the report lists it."""

    async def strike(self, system: System, strike: Strike) -> None:
        """Hurts, waits as long as it lasts, heals. Raises Busy before it has done anything."""


def free(system: System, names: Sequence[str]) -> list[str]:
    """Those of the names that no other fault has in its hands. Raises Busy where there is none."""
    left = [name for name in names if name not in system.held]
    if not left:
        raise Busy
    return left


@contextmanager
def holding(system: System, name: str) -> Iterator[None]:
    """The process of this name is for one fault alone. Raises Busy."""
    free(system, [name])
    system.held.add(name)
    try:
        yield
    finally:
        system.held.discard(name)


async def kill(system: System, strike: Strike, names: Sequence[str]) -> None:
    strike.killed.extend(names)
    await asyncio.gather(*(asyncio.to_thread(system.process(name).kill) for name in names))
