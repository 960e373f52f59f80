"""The one seam of time: while a history is played, the product's clocks are the system's."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from model.loops import Clock

PRODUCT = ("shared", "orchestrator", "llm_runner", "summarizer")
# Ids of runs are drawn by tests, outside of any history.
UNTOUCHED = "shared.contracts.identity"


class VirtualDatetime(datetime):
    """`datetime` whose present is the system's."""

    clock = Clock()

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override] # the same, of another time
        return cls.clock.now()


def _seams(clock: Clock, new_attempt: Callable[[], str]) -> list[tuple[Any, str, Any]]:
    """What stands in for what: `now()`, `time.monotonic()` and `time.time()`; attempts are numbered."""
    modules = sys.modules
    clocked = [
        (module, "time", clock)
        for name, module in modules.items()
        if name.split(".")[0] in PRODUCT and name != UNTOUCHED and getattr(module, "time", None) is time
    ]
    return [
        *clocked,
        (modules["shared.contracts.timestamps"], "datetime", VirtualDatetime),
        (modules["llm_runner.attempt"], "new_id", new_attempt),
    ]


@contextmanager
def virtual_time(clock: Clock, new_attempt: Callable[[], str]) -> Iterator[None]:
    """Makes the product live in the clock's time, and puts everything back."""
    VirtualDatetime.clock = clock
    seams = _seams(clock, new_attempt)
    kept = [(module, name, getattr(module, name)) for module, name, _ in seams]
    for module, name, value in seams:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in kept:
            setattr(module, name, value)
