"""retry-failed through the REST API, on the real servers; a writer plays the engine's part."""

from typing import Any

from httpx import AsyncClient, Response

from shared.contracts.enums import EndedReason, RunStatus
from shared.storage import Store
from support.gateway.writer import Writer, stored_run

PERSONAS = ["refund-request", "technical-support"]


async def started(client: AsyncClient, runs: int) -> str:
    agent = {"name": "Agent", "systemPrompt": "You are a helpful assistant.", "provider": "demo"}
    agent_id = (await client.post("/api/agents", json=agent)).json()["id"]
    body = {"agentId": agent_id, "personas": PERSONAS, "runs": runs, "messageLimit": 4, "seed": 40}
    return str((await client.post("/api/scale/start", json=body)).json()["id"])


async def played(store: Store, run_id: str, *reasons: EndedReason) -> None:
    """The run's conversations ended for these reasons, and then the run."""
    writer = Writer(store, run_id)
    for index, reason in enumerate(reasons, 1):
        conversation = await writer.begin(index)
        await writer.end(conversation, 0, reason)
    await writer.finish(RunStatus.COMPLETE)


async def retry(client: AsyncClient, run_id: str, key: str | None = None, **body: Any) -> Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post(f"/api/scale/{run_id}/retry-failed", json=body or None, headers=headers)


async def test_a_retry_plays_the_failed_conversations_by_their_own_scenario_and_seed(
    client: AsyncClient, store: Store
) -> None:
    first_id = await started(client, 5)
    await played(
        store, first_id, *(EndedReason.ERROR if index in (2, 3, 5) else EndedReason.GOAL for index in range(1, 6))
    )
    answer = await retry(client, first_id)
    assert (answer.status_code, answer.json()["parent"]) == (202, first_id)
    first, again = await stored_run(store, first_id), await stored_run(store, answer.json()["id"])
    assert (again.parent, again.total, again.kind) == (first_id, 3, first.kind)
    assert [again.settings.conversation(index) for index in (1, 2, 3)] == [
        first.settings.conversation(index) for index in (2, 3, 5)
    ]
    assert 0 < again.estimated_nanos < first.estimated_nanos
    await played(store, again.id, EndedReason.GOAL, EndedReason.GOAL, EndedReason.ERROR)
    third = await stored_run(store, (await retry(client, again.id)).json()["id"])
    assert third.settings.conversation(1) == first.settings.conversation(5)
    assert (await client.get(f"/api/runs/{third.id}/status")).json()["parent"] == again.id


async def test_a_retry_is_made_once_for_its_key_and_anew_without_one(client: AsyncClient, store: Store) -> None:
    run_id = await started(client, 2)
    await played(store, run_id, EndedReason.ERROR, EndedReason.GOAL)
    answers = [await retry(client, run_id, key=f"{run_id}-once") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert (await retry(client, run_id)).json()["id"] != answers[0].json()["id"]
    other = await started(client, 1)
    await played(store, other, EndedReason.ERROR)
    mismatch = await retry(client, other, key=f"{run_id}-once")
    assert (mismatch.status_code, mismatch.json()["details"]["reason"]) == (409, "idempotency_mismatch")


async def test_a_retry_may_be_named_and_given_a_budget(client: AsyncClient, store: Store) -> None:
    run_id = await started(client, 1)
    await played(store, run_id, EndedReason.ERROR)
    again = (await retry(client, run_id, id=f"{run_id}-again", maxBudgetUsd=0.5)).json()
    status = (await client.get(f"/api/scale/{run_id}-again/status")).json()
    assert (status["id"], status["budget"]["maxUsd"]) == (again["id"], 0.5)
    refused = await retry(client, run_id, maxBudgetUsd=0.0000001)
    assert (refused.status_code, refused.json()["error"]) == (402, "budget_exceeded")


async def test_what_cannot_be_retried_says_why(client: AsyncClient, store: Store) -> None:
    run_id = await started(client, 1)
    playing = await retry(client, run_id)
    assert (playing.status_code, playing.json()["details"]["reason"]) == (409, "not_ended")
    await played(store, run_id, EndedReason.LIMIT)
    fine = await retry(client, run_id)
    assert (fine.status_code, fine.json()["details"]["reason"]) == (409, "nothing_failed")
    assert (await retry(client, "unheard")).status_code == 404
