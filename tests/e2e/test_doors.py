"""What a person does when something went wrong, through the whole stack: retry, look at what was given up, cancel."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from e2e.watching import Body, start_scale, until_ended
from local_stack.stack import Stack
from shared.storage import Store

pytestmark = pytest.mark.asyncio(loop_scope="session")

PACE: Body = {"totalSeconds": None, "wordsPerChunk": 1, "faults": []}


@asynccontextmanager
async def demo_model_that(stack: Stack, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The demo model as a test wants it, and as it was afterwards."""
    async with httpx.AsyncClient(base_url=str(stack.demo_model_url), timeout=10) as demo:
        (await demo.put("/control", json=changes)).raise_for_status()
        try:
            yield demo
        finally:
            (await demo.put("/control", json=PACE)).raise_for_status()


async def until_status(gateway: httpx.AsyncClient, run_id: str, **wanted: Any) -> None:
    async with asyncio.timeout(30):
        while True:
            status = (await gateway.get(f"/api/runs/{run_id}/status")).json()
            if all(status[name] >= value for name, value in wanted.items()):
                return
            await asyncio.sleep(0.02)


async def until_all_speak(demo: httpx.AsyncClient, since: int, number: int) -> None:
    """Returns when so many calls are under way and each has brought some text."""
    async with asyncio.timeout(20):
        while True:
            calls = (await demo.get(f"/ledger?since={since}")).json()["calls"]
            if len(calls) == number and all(call["completionTokens"] > 1 for call in calls):
                return
            await asyncio.sleep(0.05)


async def half_failed(stack: Stack, gateway: httpx.AsyncClient) -> tuple[str, Body]:
    """A run that ended when the provider had failed in its midst, and its status."""
    run_id = await start_scale(gateway, runs=4, concurrency=1, messageLimit=6, seed=11)
    await until_status(gateway, run_id, completed=1)
    async with demo_model_that(stack, faults=[{"fault": "500", "rate": 1, "role": "opponent"}]):
        status = await until_ended(gateway, run_id)
    assert status["completed"] >= 1
    assert status["failed"] >= 1
    return run_id, status


async def test_a_retry_plays_what_failed_and_reports_on_everything(
    stack: Stack, gateways: list[httpx.AsyncClient]
) -> None:
    gateway = gateways[0]
    run_id, first = await half_failed(stack, gateway)
    started = await gateway.post(f"/api/scale/{run_id}/retry-failed", headers={"Idempotency-Key": f"again-{run_id}"})
    repeated = await gateways[1].post(
        f"/api/scale/{run_id}/retry-failed", headers={"Idempotency-Key": f"again-{run_id}"}
    )
    again = started.json()["runId"]
    assert (started.status_code, repeated.status_code, repeated.json()["runId"]) == (202, 200, again)
    status = await until_ended(gateway, again)
    assert (status["parent"], status["total"], status["failed"]) == (run_id, first["failed"], 0)
    report = (await gateway.get(f"/api/scale/{again}/report")).json()
    assert (report["stats"]["total"], report["stats"]["errored"]) == (4, 0)
    outcomes = {one["id"]: one for one in report["conversations"]}
    kept = [one for one in outcomes if one.startswith(f"{run_id}-")]
    assert (len(kept), len(outcomes)) == (first["completed"], 4)
    assert {outcomes[one]["costUsd"] for one in kept} == {0.0}
    nothing = await gateway.post(f"/api/scale/{again}/retry-failed")
    assert (nothing.status_code, nothing.json()["details"]["reason"]) == (409, "nothing_failed")


async def test_what_was_given_up_is_listed_and_what_ended_is_not_replayed(
    stack: Stack, gateways: list[httpx.AsyncClient]
) -> None:
    gateway = gateways[0]
    run_id, status = await half_failed(stack, gateway)
    letters = (await gateway.get("/api/admin/dead-letters?limit=50")).json()["items"]
    own = [letter for letter in letters if letter["runId"] == run_id]
    assert len(own) == status["failed"]
    assert {(letter["purpose"], letter["error"]["code"]) for letter in own} == {("turn", "provider_error")}
    refused = await gateways[1].post(f"/api/admin/dead-letters/{own[0]['id']}/replay")
    assert (refused.status_code, refused.json()["details"]["reason"]) == (409, "already_ended")


async def test_a_cancel_closes_every_call_within_a_second_and_keeps_its_text(
    stack: Stack, gateways: list[httpx.AsyncClient], store: Store
) -> None:
    async with demo_model_that(stack, totalSeconds=30, wordsPerChunk=1) as demo:
        since = (await demo.get("/ledger")).json()["next"]
        run_id = await start_scale(gateways[0], runs=4, messageLimit=4)
        await until_all_speak(demo, since, 4)
        answered = time.time()
        assert (await gateways[1].post(f"/api/scale/{run_id}/cancel")).status_code == 202
        status = await until_ended(gateways[0], run_id)
        calls = (await demo.get(f"/ledger?since={since}")).json()["calls"]
    assert status["status"] == "canceled"
    assert [call["outcome"] for call in calls] == ["client_closed"] * 4
    assert all(call["endedAt"] - answered < 1 for call in calls)
    rows = await store.usage.of_run(run_id)
    assert sorted((row.id, row.outcome) for row in rows) == sorted(
        (str(call["clientRequestId"]), "canceled") for call in calls
    )
    assert all(row.partial for row in rows)
