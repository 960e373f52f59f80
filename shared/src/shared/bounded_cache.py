"""What a process keeps beside the store, bounded by the memory it takes: few large values count as much as many small.

A bound by number is none: five hundred of something may be five megabytes, or five gigabytes.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from enum import Enum
from sys import getsizeof
from typing import Generic, TypeVar

from pydantic import BaseModel

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedCache(Generic[Key, Value]):
    """The values that were used last, `most_bytes` of them at most, but always the newest one."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self.bytes = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key) -> Value | None:
        """The value, which counts as used now; None where it is not kept."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return kept[0]

    def size(self, key: Key) -> int:
        """What the value of a key was said to take; 0 where none is kept."""
        _, size = self._kept.get(key, (None, 0))
        return size

    def keep(self, key: Key, value: Value, size: int) -> None:
        """Keeps a value, which takes `size` bytes, as the newest, in the place of what had its key."""
        self.forget(key)
        self._kept[key] = value, size
        self.bytes += size
        while self.bytes > self._most_bytes and len(self._kept) > 1:
            self.forget(next(iter(self._kept)))

    def forget(self, key: Key) -> None:
        """It is not kept any more."""
        _, size = self._kept.pop(key, (None, 0))
        self.bytes -= size

    def forget_all(self, meant: Callable[[Value], bool]) -> None:
        """What is meant is not kept any more, under whatever keys."""
        for key in [key for key, (value, _) in self._kept.items() if meant(value)]:
            self.forget(key)


def held_bytes(*values: object) -> int:
    """About what values take in memory, each object once: what several of them share counts once.

    A text of letters beyond Latin takes two or four bytes a character here, however few of them it has.
    """
    seen: set[int] = set()
    waiting: list[object] = list(values)
    total = 0
    while waiting:
        value = waiting.pop()
        if value is None or isinstance(value, bool | Enum) or id(value) in seen:
            continue
        seen.add(id(value))
        total += getsizeof(value)
        if isinstance(value, BaseModel):
            waiting.append(value.__dict__)
            # Which fields were set: of a small model this is half of it.
            total += getsizeof(value.model_fields_set)
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
    return total
