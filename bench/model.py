"""The demo model as the bench sees it: its pace, and its ledger, the independent witness of every call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

TIMEOUT_SECONDS = 30.0
SPOKEN = frozenset({"agent", "opponent", "judge", "other"})


@dataclass(frozen=True)
class Calls:
    """The calls of one measurement, reports aside."""

    count: int
    span_seconds: float
    """From the first call's start to the last call's end."""
    first_started_at: float
    last_ended_at: float

    @classmethod
    def of(cls, calls: Sequence[dict[str, Any]]) -> "Calls":
        """Raises ValueError where there is none, or one that did not finish: that is no measurement."""
        spoken = [call for call in calls if call["role"] in SPOKEN]
        if not spoken or any(call["outcome"] != "finished" for call in spoken):
            outcomes = sorted({str(call["outcome"]) for call in spoken})
            raise ValueError(f"{len(spoken)} calls with the outcomes {outcomes} measure nothing")
        first, last = min(call["startedAt"] for call in spoken), max(call["endedAt"] for call in spoken)
        return cls(len(spoken), last - first, first, last)


class DemoModel:
    """Speaks to a running demo model; `url` without `/v1`."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url = url
        self._client = client

    async def set_pace(self, pace: dict[str, Any]) -> None:
        """Changes the pace of calls that begin from now on."""
        response = await self._client.put(f"{self.url}/control", json=pace, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()

    async def next_index(self) -> int:
        """The index the next call will have."""
        return int((await self._ledger(10**9))["next"])

    async def calls_since(self, index: int) -> Calls:
        """The calls from an index on. Raises ValueError where they measure nothing."""
        return Calls.of((await self._ledger(index))["calls"])

    async def _ledger(self, since: int) -> dict[str, Any]:
        response = await self._client.get(f"{self.url}/ledger", params={"since": str(since)}, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
        ledger: dict[str, Any] = response.json()
        return ledger
