"""The product from outside: its gateway's REST and event streams, as any client would use them."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from bench.workload import AGENT_PROMPT, GOAL, MESSAGES, MODEL, PERSONA, PROVIDER, Case

TIMEOUT_SECONDS = 30.0
RUN_SECONDS = 180.0
POLL_SECONDS = 0.25
BUDGET_USD = 100.0


class NotMeasured(Exception):
    """A run did not do the work that was to be measured."""


@dataclass(frozen=True)
class Told:
    """What a run's own events say of its time."""

    span_seconds: float
    """From `run.started` to the last `conversation.ended`."""


class Product:
    """Speaks to one gateway."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self._url = url
        self._client = client

    async def create_agent(self) -> str:
        """The agent under test; returns its id."""
        body = {"name": "Bench", "systemPrompt": AGENT_PROMPT, "provider": PROVIDER, "model": MODEL}
        return str((await self._post("/api/agents", body))["id"])

    async def start(self, agent_id: str, case: Case) -> str:
        """Starts a scale test of the case; returns its run id."""
        body: dict[str, Any] = {
            "agentId": agent_id,
            "runs": case.at_once,
            "concurrency": case.at_once,
            "messageLimit": MESSAGES,
            "maxBudgetUsd": BUDGET_USD,
            "opponent": {"persona": PERSONA, "provider": PROVIDER, "model": MODEL},
            "judge": {"enabled": case.judged, "provider": PROVIDER, "model": MODEL},
        }
        if case.judged:
            body["goal"] = GOAL
        return str((await self._post("/api/scale/start", body))["id"])

    async def until_played(self, run_id: str) -> None:
        """Returns when every conversation is counted. Raises NotMeasured for a failed one, or after three minutes."""
        await self._until(run_id, lambda status: status["progress"] >= 100)

    async def until_ended(self, run_id: str) -> None:
        """Returns when the run is over, its report included."""
        await self._until(run_id, lambda status: bool(status["terminal"]))

    async def told(self, run_id: str) -> Told:
        """The run's time by its own events, replayed after its end."""
        moments: dict[str, list[datetime]] = {}
        path = f"/api/runs/{run_id}/events?types=run.started,conversation.ended,run.ended"
        async for event in self._events(path):
            moments.setdefault(event["type"], []).append(datetime.fromisoformat(event["at"]))
        span = max(moments["conversation.ended"]) - min(moments["run.started"])
        return Told(span.total_seconds())

    async def _until(self, run_id: str, reached: Any) -> None:
        try:
            async with asyncio.timeout(RUN_SECONDS):
                while True:
                    status = await self._get(f"/api/runs/{run_id}/status")
                    if status["failed"]:
                        raise NotMeasured(f"{status['failed']} conversations of run {run_id} failed")
                    if reached(status):
                        return
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as late:
            raise NotMeasured(f"run {run_id} did not end within {RUN_SECONDS:g} s") from late

    async def _events(self, path: str) -> AsyncIterator[dict[str, Any]]:
        async with self._client.stream("GET", self._url + path, timeout=TIMEOUT_SECONDS) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                if line.startswith("data:"):
                    yield json.loads(line[5:])

    async def _get(self, path: str) -> dict[str, Any]:
        response = await self._client.get(self._url + path, timeout=TIMEOUT_SECONDS)
        return _answer(response)

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = await self._client.post(self._url + path, json=body, timeout=TIMEOUT_SECONDS)
        return _answer(response)


def _answer(response: httpx.Response) -> dict[str, Any]:
    if response.is_error:
        raise NotMeasured(f"{response.request.url.path} answered {response.status_code}: {response.text[:500]}")
    answer: dict[str, Any] = response.json()
    return answer
