"""Dead letters through the REST API, on a real broker of each test's own."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from httpx import AsyncClient
from nats.aio.client import Client

from shared.contracts import subjects
from shared.contracts.enums import Lane, Purpose, RunKind, RunStatus, Stage
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Failure
from shared.contracts.work import (
    DeadLetter,
    GenerationRequested,
    LookGivenUp,
    ReportGivenUp,
    ReportRequested,
    RunCommanded,
)
from shared.messaging import history
from shared.messaging.publisher import Publisher
from shared.storage import Store
from support.builders import DOLLAR, JUDGE, conversation, ended, result_of, run, scenario
from support.gateway.app import gateway, prepared
from support.servers import database_name, own_connection

FAILURE = Failure(code="provider_error", message="the provider answered 500")


@pytest.fixture
def database() -> str:
    return database_name()


@pytest.fixture
async def store(fresh_nats_url: str, mongo_url: str, database: str) -> AsyncIterator[Store]:
    async with prepared(fresh_nats_url, mongo_url, database) as store:
        yield store
        await store.database.client.drop_database(database)


@pytest.fixture
async def broker(fresh_nats_url: str) -> AsyncIterator[Client]:
    async with own_connection(fresh_nats_url) as client:
        yield client


@pytest.fixture
async def client(store: Store, fresh_nats_url: str, mongo_url: str, database: str) -> AsyncIterator[AsyncClient]:
    async with gateway(fresh_nats_url, mongo_url, database) as client:
        yield client


async def begun(store: Store, **fields: Any) -> Run:
    """A judged run with a conversation that plays."""
    playing = run(played=scenario(judge=JUDGE), **fields)
    await store.runs.insert(playing)
    await store.conversations.insert(conversation(playing))
    return playing


def job_of(of: Run, purpose: Purpose = Purpose.TURN, seq: int = 2, **fields: Any) -> GenerationRequested:
    common = {"run_id": of.id, "at": now(), "conversation_id": f"{of.id}-1", "seq": seq, "purpose": purpose}
    route = {"provider": "demo", "model": "demo-fast", "first_job_at": of.created_at}
    return GenerationRequested.model_validate(common | route | fields)


async def give_up(broker: Client, job: GenerationRequested) -> str:
    """The job's dead letter is written; its id."""
    letter = DeadLetter(run_id=job.run_id, at=now(), key=job.key, failure=FAILURE, job=job)
    return str((await Publisher(broker).work(letter)).seq)


async def fail(store: Store, job: GenerationRequested) -> None:
    """The job's final failure is stored."""
    await store.generations.insert(result_of(job, failure=FAILURE))


async def replayed(client: AsyncClient, letter: str, status: int = 202) -> dict[str, Any]:
    answer = await client.post(f"/api/admin/dead-letters/{letter}/replay")
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def waiting(broker: Client, subject: str) -> list[dict[str, Any]]:
    return [orjson.loads(stored.data) async for stored in history.read(broker, subjects.WORK, subject)]


# Reading


async def test_letters_are_listed_newest_first_page_by_page(client: AsyncClient, store: Store, broker: Client) -> None:
    assert (await client.get("/api/admin/dead-letters")).json() == {"items": [], "nextCursor": None}
    playing = await begun(store)
    ids = [await give_up(broker, job_of(playing, seq=seq)) for seq in range(1, 6)]
    # An operator may have taken one out.
    await broker.jetstream().delete_msg(subjects.DEAD_LETTERS, int(ids[3]))
    first = (await client.get("/api/admin/dead-letters?limit=2")).json()
    assert [item["id"] for item in first["items"]] == [ids[4], ids[2]]
    rest = (await client.get(f"/api/admin/dead-letters?limit=2&cursor={first['nextCursor']}")).json()
    assert ([item["id"] for item in rest["items"]], rest["nextCursor"]) == ([ids[1], ids[0]], None)
    newest = first["items"][0]
    assert (newest["kind"], newest["key"], newest["purpose"]) == ("generation", f"{playing.id}-1:5:turn", "turn")
    assert newest["error"] == {"code": "provider_error", "message": "the provider answered 500"}
    assert newest["at"].endswith("Z")


async def test_a_letter_is_shown_whole(client: AsyncClient, store: Store, broker: Client) -> None:
    playing = await begun(store)
    letter = await give_up(broker, job_of(playing))
    shown = (await client.get(f"/api/admin/dead-letters/{letter}")).json()
    assert (shown["subject"], shown["payload"]["job"]["seq"]) == ("dlq.generation", 2)


@pytest.mark.parametrize("letter", ["0", "7", "none", "-1", "9" * 30])
async def test_a_letter_that_is_not_there_is_404(client: AsyncClient, letter: str) -> None:
    assert (await client.get(f"/api/admin/dead-letters/{letter}")).status_code == 404
    assert (await client.post(f"/api/admin/dead-letters/{letter}/replay")).status_code == 404


async def test_a_cursor_that_is_none_is_refused(client: AsyncClient) -> None:
    answer = await client.get("/api/admin/dead-letters?cursor=last")
    assert (answer.status_code, answer.json()["details"]["fields"][0]["field"]) == (400, "cursor")


async def test_a_message_nobody_could_read_is_shown_and_cannot_be_replayed(client: AsyncClient, broker: Client) -> None:
    lane = subjects.lane_durable("demo", Lane.BATCH)
    await broker.jetstream().publish("llm.do.demo.batch", b"{nonsense")
    pulled = await broker.jetstream().pull_subscribe_bind(lane, subjects.WORK)
    (message,) = await pulled.fetch(1, timeout=5)
    await message.term()
    await broker.flush()
    (item,) = (await client.get("/api/admin/dead-letters")).json()["items"]
    assert (item["kind"], item["runId"]) == ("terminated", None)
    refused = await replayed(client, item["id"], 409)
    assert refused["details"]["reason"] == "not_replayable"


# Replaying


async def test_a_turn_of_a_playing_conversation_is_asked_for_again_once(
    client: AsyncClient, store: Store, broker: Client
) -> None:
    job = job_of(await begun(store))
    letter = await give_up(broker, job)
    first, second = await replayed(client, letter), await replayed(client, letter)
    (again,) = await waiting(broker, "llm.do.demo.batch")
    assert (again["hop"], again["replay"], again["repeat"], again["seq"]) == (0, 1, True, 2)
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert first["messageId"] == f"{job.key}:job:r1"


async def test_a_turn_of_an_ended_conversation_is_retry_faileds(
    client: AsyncClient, store: Store, broker: Client
) -> None:
    playing = await begun(store)
    letter = await give_up(broker, job_of(playing))
    await store.entries.insert(ended(f"{playing.id}-1", 1))
    refused = await replayed(client, letter, 409)
    assert refused["details"]["reason"] == "already_ended"
    assert "retry-failed" in refused["message"]
    assert await waiting(broker, "llm.do.demo.batch") == []


async def test_a_judge_whose_failure_stands_is_asked_in_the_next_pass(
    client: AsyncClient, store: Store, broker: Client
) -> None:
    playing = await begun(store)
    job = job_of(playing, Purpose.JUDGE, stage=Stage.FAST)
    letter = await give_up(broker, job)
    assert (await replayed(client, letter))["messageId"] == f"{job.key}:job:r1"
    await fail(store, job)
    assert (await replayed(client, letter))["messageId"] == f"{job.key}:p1:job"
    await fail(store, job.model_copy(update={"pass_number": 1}))
    assert (await replayed(client, letter))["messageId"] == f"{job.key}:p2:job"
    assert [again["passNumber"] for again in await waiting(broker, "llm.do.demo.batch")] == [0, 1, 2]


async def test_a_judge_the_budget_does_not_hold_is_not_asked(client: AsyncClient, store: Store, broker: Client) -> None:
    playing = await begun(store, budget_nanos=DOLLAR // 1_000_000)
    job = job_of(playing, Purpose.JUDGE, stage=Stage.FAST)
    await fail(store, job)
    refused = await replayed(client, await give_up(broker, job), 409)
    assert refused["details"]["reason"] == "budget_spent"


async def test_a_trigger_of_a_report_is_put_back_as_it_stood(client: AsyncClient, store: Store, broker: Client) -> None:
    playing = await begun(store)
    asked = ReportRequested(run_id=playing.id, at=now())
    given_up = ReportGivenUp(
        run_id=playing.id,
        at=now(),
        failure=FAILURE,
        trigger=subjects.REPORTS,
        payload=asked.to_json().decode(),
        sequence=7,
    )
    letter = str((await Publisher(broker).work(given_up)).seq)
    await replayed(client, letter)
    assert [one["runId"] for one in await waiting(broker, subjects.REPORTS)] == [playing.id]
    await store.runs.finish(playing.id, RunStatus.COMPLETE, now(), report_ready=True)
    assert (await replayed(client, letter, 409))["details"]["reason"] == "already_ended"


async def test_work_of_an_unknown_run_stays_given_up(client: AsyncClient, broker: Client) -> None:
    letter = await give_up(broker, job_of(run()))
    assert (await replayed(client, letter, 409))["details"]["reason"] == "run_unknown"


async def test_letter_about_a_chat_is_its_users_and_nobodys_once_it_is_forgotten(
    client: AsyncClient, store: Store, broker: Client
) -> None:
    chat = run(kind=RunKind.CHAT).model_copy(update={"user": "ann"})
    await store.runs.insert(chat)
    job = job_of(chat, Purpose.CHAT, conversation_id=chat.id)
    await Publisher(broker).work(DeadLetter(run_id=chat.id, at=now(), key=job.key, failure=FAILURE, job=job))
    [letter] = (await client.get("/api/admin/dead-letters", headers={"X-User-Id": "ann"})).json()["items"]
    where, unknown = f"/api/admin/dead-letters/{letter['id']}", f"/api/admin/dead-letters/{int(letter['id']) + 1}"

    async def is_not_there(user: str) -> None:
        headers = {"X-User-Id": user}
        assert (await client.get("/api/admin/dead-letters", headers=headers)).json()["items"] == []
        for method, path in (("GET", ""), ("POST", "/replay")):
            answers = [await client.request(method, one + path, headers=headers) for one in (where, unknown)]
            assert [answer.status_code for answer in answers] == [404, 404]

    assert letter["runId"] == chat.id
    assert (await client.get(where, headers={"X-User-Id": "ann"})).status_code == 200
    await is_not_there("ben")
    await store.runs.give_up(chat.owner, chat.id, now())
    await is_not_there("ann")
    await store.forget(chat.id)
    await is_not_there("ann")


# Looks, and how many of late


def given_up_look(of: Run, sequence: int = 7) -> LookGivenUp:
    trigger = RunCommanded(run_id=of.id, at=now(), conversation_id=f"{of.id}-1")
    return LookGivenUp(
        run_id=of.id,
        at=now(),
        conversation_id=trigger.conversation_id,
        failure=Failure(code="internal", message="Agent Wars itself failed here."),
        traceback="KeyError",
        trigger=subjects.COMMANDS,
        payload=trigger.to_json().decode(),
        sequence=sequence,
    )


async def test_a_look_that_was_given_up_is_listed_and_looked_again(
    client: AsyncClient, store: Store, broker: Client
) -> None:
    playing = await begun(store)
    letter = str((await Publisher(broker).work(given_up_look(playing))).seq)
    (item,) = (await client.get("/api/admin/dead-letters")).json()["items"]
    assert (item["kind"], item["runId"], item["conversationId"]) == ("look", playing.id, f"{playing.id}-1")
    assert (await client.get(f"/api/admin/dead-letters/{letter}")).json()["payload"]["traceback"] == "KeyError"
    assert (await replayed(client, letter))["subject"] == subjects.COMMANDS
    assert [one["conversationId"] for one in await waiting(broker, subjects.COMMANDS)] == [f"{playing.id}-1"]
    await store.runs.finish(playing.id, RunStatus.FAILED, now(), report_ready=False)
    assert (await replayed(client, letter, 409))["details"]["reason"] == "already_ended"


async def test_health_says_how_much_was_given_up_of_late(client: AsyncClient, store: Store, broker: Client) -> None:
    assert (await client.get("/api/health")).json()["deadLetters"] == {"lastHour": 0}
    playing = await begun(store)
    for sequence in range(1, 4):
        await Publisher(broker).work(given_up_look(playing, sequence))
    await give_up(broker, job_of(playing))
    assert (await client.get("/api/health")).json()["deadLetters"] == {"lastHour": 4}
