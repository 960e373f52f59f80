"""Choices that look random and are not: a hash of what they depend on."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def number(*parts: object) -> int:
    """A 64-bit number that depends on the parts alone."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def unit(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    return number(*parts) / 2**64


def pick(options: Sequence[T], *parts: object) -> T:
    """One of the options, chosen by the parts alone."""
    return options[number(*parts) % len(options)]
