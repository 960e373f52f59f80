"""Whoever waits for a log: woken once for all that is appended in one pass of the event loop."""

import asyncio
from typing import Protocol


class Wakeable(Protocol):
    """One who waits."""

    def wake(self) -> None:
        """Something was appended, or the log came to its end."""


class Waiters:
    """`readers` wake for everything, `fact_watchers` not for deltas."""

    __slots__ = ("_facts", "_needed", "_planned", "fact_watchers", "readers")

    def __init__(self) -> None:
        self.readers: set[Wakeable] = set()
        self.fact_watchers: set[Wakeable] = set()
        self._needed = False
        self._facts = False
        self._planned = False

    def wake(self, facts: bool = False) -> None:
        """Has everybody woken in the next pass, or by a `wake_all` that was announced."""
        self._facts = self._facts or facts
        self._needed = True
        if not self._planned:
            self._planned = True
            asyncio.get_running_loop().call_soon(self.wake_all)

    def announce(self) -> None:
        """`wake_all` is called at the end of this pass: with hundreds of writes in it, the next would be late."""
        self._planned = True

    def wake_all(self) -> None:
        """Wakes those for whom something was appended since the last time."""
        needed, facts = self._needed, self._facts
        self._needed = self._facts = self._planned = False
        if not needed:
            return
        for reader in self.readers:
            reader.wake()
        if facts:
            for watcher in self.fact_watchers:
                watcher.wake()
