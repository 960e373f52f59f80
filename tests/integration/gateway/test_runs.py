"""Reading and steering runs through the REST API, on the real servers; a writer plays the engine's part."""

import asyncio
import json
import time
from typing import Any

import nats
import pytest
from httpx import AsyncClient

from shared.contracts import subjects
from shared.contracts.enums import EndedReason, FailureTag, RunStatus, Wanted
from shared.contracts.reports import Evidence, FailureMode
from shared.contracts.work import RunCommanded
from shared.messaging import history
from shared.storage import Store
from support.gateway.app import gateway
from support.gateway.writer import Writer, stored_run


async def started(client: AsyncClient, kind: str = "battles", **values: Any) -> str:
    agent = {"name": "Agent", "systemPrompt": "You are a helpful assistant.", "provider": "demo"}
    agent_id = (await client.post("/api/agents", json=agent)).json()["id"]
    body = {"agentId": agent_id, "goal": "g", "messageLimit": 6} | values
    answer = await client.post(f"/api/{kind}/start", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def json_of(client: AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json()


# Status


async def test_status_is_the_same_under_every_path(client: AsyncClient) -> None:
    run_id = await started(client)
    statuses = [await json_of(client, f"/api/{folder}/{run_id}/status") for folder in ("battles", "scale", "runs")]
    assert statuses[0] == statuses[1] == statuses[2]
    assert statuses[0]["progress"] == 0
    assert statuses[0]["terminal"] is False
    assert statuses[0]["budget"] == {"maxUsd": 0.05, "spentUsd": 0.0}


async def test_unchanged_status_is_304_without_a_body_until_it_changes(client: AsyncClient, store: Store) -> None:
    run_id = await started(client)
    path = f"/api/battles/{run_id}/status"
    first = await client.get(path)
    known = {"If-None-Match": first.headers["ETag"]}
    unchanged = await client.get(path, headers=known)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["ETag"] == first.headers["ETag"]
    assert unchanged.headers["Vary"].split(", ")[0] == "Accept"
    await Writer(store, run_id).begin()
    changed = await client.get(path, headers=known)
    assert (changed.status_code, changed.json()["status"]) == (200, "running")


@pytest.mark.parametrize(
    "path",
    [
        "/api/battles/nothing/status",
        "/api/runs/nothing/conversations",
        "/api/battles/nothing-1/messages",
        "/api/scale/nothing/report",
        "/api/agents/nothing",
        "/api/agents/nothing/versions",
        "/api/nothing",
    ],
)
async def test_what_is_not_there_is_404(client: AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"] == "not_found"


async def test_conversation_ids_stop_at_the_total(client: AsyncClient) -> None:
    run_id = await started(client, "scale", runs=3)
    assert (await client.get(f"/api/battles/{run_id}-4/messages")).status_code == 404
    assert (await client.get(f"/api/battles/{run_id}-03/messages")).status_code == 404
    assert (await client.get(f"/api/battles/{run_id}-3/messages")).status_code == 200


async def test_runs_are_listed_newest_first_by_shown_status(client: AsyncClient, store: Store) -> None:
    first, second, third = [await started(client) for _ in range(3)]
    await Writer(store, second).begin()
    await client.post(f"/api/runs/{third}/cancel")
    page = await json_of(client, "/api/runs?kind=battle&limit=2")
    assert [item["id"] for item in page["items"]] == [third, second]
    rest = await json_of(client, f"/api/runs?kind=battle&limit=2&cursor={page['nextCursor']}")
    assert rest["items"][0]["id"] == first
    canceling = await json_of(client, "/api/runs?status=canceling&limit=1")
    assert [item["id"] for item in canceling["items"]] == [third]
    running = await json_of(client, "/api/runs?status=running&limit=1")
    assert [item["id"] for item in running["items"]] == [second]
    assert (await client.get("/api/runs?status=unheard")).status_code == 400


# Messages


async def test_messages_after_a_seq_with_their_judgement(client: AsyncClient, store: Store) -> None:
    run_id = await started(client)
    writer = Writer(store, run_id)
    conversation = await writer.begin()
    for seq, text in enumerate(("Hello?", "Your refund is confirmed.", "Thanks."), start=1):
        await writer.say(conversation, seq, text)
    await writer.judge(conversation, 2, "refund is confirmed")
    first = await json_of(client, f"/api/battles/{run_id}/messages?limit=2")
    assert [message["role"] for message in first["messages"]] == ["user", "assistant"]
    assert first["messages"][1]["judgement"]["criteria"][0]["quote"] == "refund is confirmed"
    assert first["messages"][1]["costUsd"] == 0.001
    assert (first["nextSince"], first["hasMore"]) == (2, True)
    rest = await json_of(client, f"/api/conversations/{conversation}/messages?sinceSeq=2")
    assert [message["content"] for message in rest["messages"]] == ["Thanks."]
    assert (rest["nextSince"], rest["hasMore"]) == (3, False)
    none = await json_of(client, f"/api/conversations/{conversation}/messages?sinceSeq=3")
    assert (none["messages"], none["nextSince"]) == ([], 3)


async def test_messages_since_a_time_and_by_page(client: AsyncClient, store: Store) -> None:
    run_id = await started(client)
    writer = Writer(store, run_id)
    conversation = await writer.begin()
    await writer.say(conversation, 1, "Hello?")
    created = (await json_of(client, f"/api/battles/{run_id}/messages"))["messages"][0]["createdAt"]
    await asyncio.sleep(0.002)  # the clock of messages has milliseconds
    await writer.say(conversation, 2, "Hi.")
    for since in (created, created.replace("Z", "+00:00"), "1"):
        later = await json_of(client, f"/api/battles/{run_id}/messages?since={since}")
        assert [message["seq"] for message in later["messages"]] == [2]
    page = await json_of(client, f"/api/battles/{run_id}/messages?page=2&limit=1")
    assert [message["seq"] for message in page["items"]] == [2]
    assert (page["page"], page["limit"], page["total"]) == (2, 1, 2)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "wait=31", "wait=nan", "sinceSeq=-1", "since=soon", "page=0"]
)
async def test_bad_message_queries_are_400(client: AsyncClient, query: str) -> None:
    answer = await client.get(f"/api/battles/anything/messages?{query}")
    assert answer.status_code == 400
    assert answer.json()["details"]["fields"][0]["field"] == query.partition("=")[0]


async def test_run_of_several_conversations_lists_them(client: AsyncClient) -> None:
    run_id = await started(client, "scale", runs=2)
    answer = await client.get(f"/api/runs/{run_id}/messages")
    assert answer.status_code == 400
    assert answer.json()["details"]["conversationIds"] == [f"{run_id}-1", f"{run_id}-2"]


async def test_long_poll_answers_when_a_message_comes(client: AsyncClient, store: Store) -> None:
    run_id = await started(client)
    writer = Writer(store, run_id)
    conversation = await writer.begin()
    waiting = asyncio.create_task(client.get(f"/api/battles/{run_id}/messages?wait=20"))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await writer.say(conversation, 1, "Hello?")
    written = time.monotonic()
    answer = await waiting
    assert time.monotonic() - written < 3
    assert [message["seq"] for message in answer.json()["messages"]] == [1]


async def test_long_poll_ends_with_its_time_or_the_conversation(client: AsyncClient, store: Store) -> None:
    run_id = await started(client)
    began = time.monotonic()
    assert (await client.get(f"/api/battles/{run_id}/messages?wait=0.5")).json()["messages"] == []
    assert 0.4 < time.monotonic() - began < 3
    writer = Writer(store, run_id)
    conversation = await writer.begin()
    await writer.end(conversation, messages=0)
    began = time.monotonic()
    assert (await client.get(f"/api/battles/{run_id}/messages?wait=20")).json()["messages"] == []
    assert time.monotonic() - began < 3


# Conversations


async def test_conversations_are_paged_and_filtered(client: AsyncClient, store: Store) -> None:
    run_id = await started(client, "scale", runs=5)
    writer = Writer(store, run_id)
    ended, failed, running = [await writer.begin(index) for index in (1, 2, 3)]
    await writer.say(running, 1, "Hello?")
    await writer.end(ended, messages=4)
    await writer.end(failed, messages=2, reason=EndedReason.ERROR)
    path = f"/api/runs/{run_id}/conversations"
    first = await json_of(client, f"{path}?limit=3")
    assert [item["status"] for item in first["items"]] == ["complete", "failed", "running"]
    assert [item["messages"] for item in first["items"]] == [4, 2, 1]
    assert (first["items"][0]["goalReached"], first["items"][0]["endedReason"]) == (True, "goal")
    rest = await json_of(client, f"{path}?cursor={first['nextCursor']}")
    assert [item["index"] for item in rest["items"]] == [4, 5]
    assert rest["nextCursor"] is None
    queued = await json_of(client, f"{path}?status=queued&limit=1")
    assert [item["index"] for item in queued["items"]] == [4]
    assert queued["nextCursor"] == f"{run_id}-4"
    assert (await client.get(f"{path}?cursor=nonsense")).status_code == 400
    assert (await client.get(f"{path}?status=unheard")).status_code == 400


# Control


async def test_pause_and_resume_make_versions_and_commands(client: AsyncClient, store: Store, nats_url: str) -> None:
    run_id = await started(client)
    paused = await client.post(f"/api/battles/{run_id}/pause")
    again = await client.post(f"/api/battles/{run_id}/pause")
    assert (paused.status_code, again.status_code) == (202, 202)
    assert paused.json()["status"] == again.json()["status"] == "pausing"
    run = await stored_run(store, run_id)
    assert run.control.version == 2
    resumed = await client.post(f"/api/runs/{run_id}/resume")
    assert (resumed.status_code, resumed.json()["status"]) == (202, "queued")
    run = await stored_run(store, run_id)
    assert (run.control.version, run.control.wanted) == (3, Wanted.RUN)
    assert await _commanded_versions(nats_url, run_id) == [1, 2, 3]


async def _commanded_versions(nats_url: str, run_id: str) -> list[int]:
    connection = await nats.connect(nats_url)
    found = [
        RunCommanded.model_validate_json(message.data)
        async for message in history.read(connection, subjects.WORK, subjects.COMMANDS)
    ]
    await connection.close()
    return [command.version for command in found if command.run_id == run_id]


async def test_cancel_is_signalled_and_never_taken_back(client: AsyncClient, store: Store, nats_url: str) -> None:
    run_id = await started(client)
    listener = await nats.connect(nats_url)
    signals = await listener.subscribe(subjects.control(run_id))
    await listener.flush()
    answers = [await client.post(f"/api/scale/{run_id}/cancel") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["status"] == "canceling"
    assert json.loads((await signals.next_msg(timeout=2)).data) == {"wanted": "cancel"}
    await listener.close()
    run = await stored_run(store, run_id)
    assert run.control.version == 2
    for verb in ("pause", "resume"):
        refused = await client.post(f"/api/battles/{run_id}/{verb}")
        assert (refused.status_code, refused.json()["details"]["reason"]) == (409, "not_pausable")


async def test_ended_run_takes_no_wishes(client: AsyncClient, store: Store) -> None:
    run_id = await started(client)
    await Writer(store, run_id).finish()
    for verb in ("cancel", "pause", "resume"):
        answer = await client.post(f"/api/runs/{run_id}/{verb}")
        assert (answer.status_code, answer.json()["details"]["reason"]) == (409, "already_ended")


async def test_racing_wishes_leave_one_version_each(
    client: AsyncClient, store: Store, nats_url: str, mongo_url: str, database: str
) -> None:
    run_id = await started(client)
    async with gateway(nats_url, mongo_url, database) as second:
        wishes = [one.post(f"/api/runs/{run_id}/cancel") for one in (client, second) * 5]
        answers = await asyncio.gather(*wishes)
    assert {answer.status_code for answer in answers} == {202}
    run = await stored_run(store, run_id)
    assert run.control.version == 2


# Report


async def test_report_is_pending_then_there_in_every_form(client: AsyncClient, store: Store) -> None:
    run_id = await started(client, "scale", runs=2)
    pending = await client.get(f"/api/scale/{run_id}/report")
    assert (pending.status_code, pending.json()) == (202, {"status": "pending"})
    assert int(pending.headers["Retry-After"]) >= 1
    proof = Evidence(conversation_id=f"{run_id}-1", seq=2, quote="I cannot help")
    mode = FailureMode(tag=FailureTag.GAVE_UP, count=1, share=0.5, description="It gave up.", evidence=(proof,))
    await Writer(store, run_id).report(summary="It went well.", revised_prompt="Be ```kind```.", failure_modes=(mode,))
    report = await json_of(client, f"/api/runs/{run_id}/report")
    assert (report["runId"], report["status"]) == (run_id, "ready")
    assert report["stats"]["successInterval"] == [0.2, 1.0]
    assert report["failureModes"][0]["evidence"][0]["quote"] == "I cannot help"
    assert "tenant" not in report
    text = await client.get(f"/api/scale/{run_id}/report?format=md")
    assert text.headers["Content-Type"].startswith("text/markdown")
    assert "> I cannot help" in text.text
    assert "````\nBe ```kind```." in text.text
    assert (await client.get(f"/api/scale/{run_id}/report?format=odt")).status_code == 400


async def test_finished_run_shows_its_end(client: AsyncClient, store: Store) -> None:
    run_id = await started(client)
    writer = Writer(store, run_id)
    await writer.end(await writer.begin(), messages=0)
    await writer.finish(RunStatus.COMPLETE)
    status = await json_of(client, f"/api/battles/{run_id}/status")
    assert (status["status"], status["terminal"], status["progress"]) == ("complete", True, 100)
    await writer.report()
    page = await client.get(status["downloadUrl"])
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
