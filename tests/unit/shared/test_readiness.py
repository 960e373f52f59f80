"""Readiness answers in time, whatever broker and store do."""

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared import readiness as module
from shared.contracts import subjects
from shared.messaging.connection import Connection
from shared.readiness import Readiness
from shared.storage import Store


class Deaf:
    """A client, or a store, whose every call never returns and swallows each cancellation, until it is let go."""

    def __init__(self) -> None:
        self._let_go = asyncio.Event()

    async def request(self, *_arguments: Any, **_options: Any) -> None:
        while not self._let_go.is_set():
            with suppress(asyncio.CancelledError):
                await self._let_go.wait()
        raise TimeoutError

    async def let_go(self) -> None:
        """Returns when nothing waits any more."""
        self._let_go.set()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=5)


async def test_a_broker_and_a_store_that_never_answer_nor_end_are_named_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CHECK_TIMEOUT_SECONDS", 0.05)
    deaf = Deaf()
    monkeypatch.setattr(module, "missing", deaf.request)
    monkeypatch.setattr(module, "missing_indexes", deaf.request)
    connection = SimpleNamespace(connected=True, client=None, on_closing=lambda _callback: None)
    store = SimpleNamespace(prove=deaf.request, database=None)
    ready = Readiness(cast(Connection, connection), cast(Store, store), [subjects.WORK])
    async with asyncio.timeout(5):
        for _ in range(3):
            assert await ready() == ["broker: TimeoutError", "store: TimeoutError"]
    await deaf.let_go()


async def test_a_probe_that_never_returns_nor_ends_is_named_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_TIMEOUT_SECONDS", 0.05)
    deaf = Deaf()

    async def nothing(*_arguments: Any) -> list[str]:
        return []

    async def proven() -> None:
        return

    monkeypatch.setattr(module, "missing", nothing)
    monkeypatch.setattr(module, "missing_indexes", nothing)
    client = SimpleNamespace(jetstream=lambda **_options: SimpleNamespace(publish=deaf.request))
    connection = SimpleNamespace(connected=True, client=client, on_closing=lambda _callback: None)
    store = SimpleNamespace(prove=proven, database=None)
    ready = Readiness(cast(Connection, connection), cast(Store, store), [subjects.WORK, subjects.RUN_EVENTS])
    async with asyncio.timeout(5):
        for _ in range(3):
            assert await ready() == ["broker: TimeoutError"]
    await deaf.let_go()
