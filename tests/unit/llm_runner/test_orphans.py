"""When an answer counts as read by nobody. The clock is the test's; leases are what gateways would have written."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from nats.aio.msg import Msg

from llm_runner import orphans
from llm_runner.leased_jobs import LeasedJob
from llm_runner.orphans import Orphans
from shared.contracts.enums import Purpose
from shared.contracts.timestamps import now
from shared.messaging.deliveries import Delivery
from shared.storage import Store
from support.builders import job

BEAT_SECONDS = 5.0 / 3
MOMENT = now()


class ReadCall:
    """A call that began at 0, its reader's lease, and the heartbeat."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, orphan_seconds: float | None) -> None:
        self.seconds = 0.0
        self.lease: Any = None
        monkeypatch.setattr(orphans, "time", SimpleNamespace(monotonic=lambda: self.seconds))
        settings = SimpleNamespace(scenarios=(SimpleNamespace(orphan_seconds=orphan_seconds),))

        async def read_at(run_ids: list[str]) -> dict[str, Any]:
            return {"chat": self.lease} if self.lease else {}

        async def settings_of(run_id: str) -> Any:
            return settings

        store = SimpleNamespace(readers=SimpleNamespace(read_at=read_at), runs=SimpleNamespace(settings=settings_of))
        self.orphans = Orphans(cast(Store, store))
        message = cast(Msg, SimpleNamespace(metadata=SimpleNamespace(num_delivered=1)))
        self.held = LeasedJob(Delivery(message, first=True), job("chat", 2, Purpose.CHAT), 5.0, 300.0)
        self.held.call_began = 0.0

    async def orphaned_at(self, renewed_until: float, most: float = 120.0) -> float | None:
        """When the heartbeat finds that nobody reads; a gateway renews every five seconds until a moment."""
        renewals = 0
        while self.seconds < most:
            self.seconds += BEAT_SECONDS
            due = int(min(self.seconds, renewed_until) // orphans.RENEWED_SECONDS)
            if due > renewals:
                # The gateway's clock is an hour slow: only that the lease changes counts.
                renewals, self.lease = due, MOMENT - timedelta(hours=1) + timedelta(seconds=due)
            if await self.orphans.among([self.held]):
                return self.seconds
        return None


@pytest.mark.parametrize(("orphan_seconds", "after"), [(0.0, 12.0), (20.0, 27.0)])
@pytest.mark.parametrize("left_at", [0.0, 5.0, 9.9, 30.0, 34.9])
async def test_a_reader_that_leaves_is_noticed_in_time(
    monkeypatch: pytest.MonkeyPatch, orphan_seconds: float, after: float, left_at: float
) -> None:
    found = await ReadCall(monkeypatch, orphan_seconds).orphaned_at(renewed_until=left_at)
    assert found is not None
    assert left_at + orphan_seconds <= found <= left_at + after


@pytest.mark.parametrize("orphan_seconds", [0.0, 20.0])
async def test_an_answer_that_is_read_goes_on(monkeypatch: pytest.MonkeyPatch, orphan_seconds: float) -> None:
    assert await ReadCall(monkeypatch, orphan_seconds).orphaned_at(renewed_until=200.0) is None


async def test_an_answer_that_needs_no_reader_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await ReadCall(monkeypatch, None).orphaned_at(renewed_until=0.0) is None


async def test_while_the_store_was_away_nobody_could_renew(monkeypatch: pytest.MonkeyPatch) -> None:
    read_call = ReadCall(monkeypatch, 0.0)
    read_call.seconds = 60.0
    read_call.orphans.store_was_away()
    read_call.seconds = 61.0
    assert await read_call.orphans.among([read_call.held]) == []
    read_call.seconds = 71.0
    assert await read_call.orphans.among([read_call.held]) == [read_call.held]
