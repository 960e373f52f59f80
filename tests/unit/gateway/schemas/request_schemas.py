"""The schemas of every request there is."""

from collections.abc import Iterator

from pydantic import BaseModel

import gateway.app
from gateway.openai_wire.wire import Wire
from gateway.schemas.fields import Body

# Importing it brings every schema about.
assert gateway.app.ROUTES


def request_schemas() -> Iterator[type[BaseModel]]:
    """Each of the gateway's; tests make some of their own."""
    waiting: list[type[BaseModel]] = [Body, Wire]
    while waiting:
        found = waiting.pop()
        waiting += found.__subclasses__()
        if found.__module__.startswith("gateway."):
            yield found
