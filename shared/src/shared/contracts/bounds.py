"""The largest things the engine keeps and tells, in bytes. Pure.

What is over them is found before anything is accepted (400, 413), or fails for good where a model made it: the broker
and the store refuse it each time it is tried (docs/decisions/0011-permanent-is-not-transient.md).
"""

from typing import Final

from pydantic_core import PydanticSerializationError, to_json

from shared.errors import NotStorable

BROKER_PAYLOAD_BYTES: Final = 1024 * 1024
"""What nats-server takes as one message, headers included, as it comes and as the local stack sets it."""
HEADER_BYTES: Final = 20 * 1024
"""Kept free of it for the headers of a message: ids, subjects and times."""
LARGEST_PAYLOAD_BYTES: Final = BROKER_PAYLOAD_BYTES - HEADER_BYTES
"""What one event, job or command may take on the broker."""
LARGEST_DOCUMENT_BYTES: Final = 12 * 1024 * 1024
"""What one value may take in the store: MongoDB takes 16 MiB, and a run's document grows while it is played."""
LARGEST_DEPTH: Final = 100
"""How deep a value may be nested: the store takes 180 levels, of which our own documents use up to ten."""
LARGEST_INTEGER: Final = 2**63 - 1
"""The store's integers have 64 bits."""


def json_bytes(value: object) -> int:
    """What a value takes on the broker: numbers may be longer there than a client wrote them (`1e15`).

    Raises NotStorable for what cannot be written as JSON: lone surrogates, nesting without an end.
    """
    try:
        return len(to_json(value, inf_nan_mode="null"))
    except (PydanticSerializationError, UnicodeEncodeError, RecursionError) as error:
        raise NotStorable("a value that cannot be written as JSON") from error


def depth(value: object) -> int:
    """How deep a value is nested: 0 for a number, 1 for an object of numbers. Looks no deeper than LARGEST_DEPTH."""
    deepest, level = 0, [value]
    while deepest <= LARGEST_DEPTH:
        containers = [one for one in level if isinstance(one, dict | list | tuple)]
        if not containers:
            break
        deepest += 1
        level = [inner for one in containers for inner in (one.values() if isinstance(one, dict) else one)]
    return deepest
