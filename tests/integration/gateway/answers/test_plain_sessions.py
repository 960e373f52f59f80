"""Answers that are asked for by POST and read by EventSource, on two gateways; the engine's part is told by hand."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts import subjects
from shared.contracts.enums import RunKind, Side, Wanted
from shared.contracts.runs import Run
from shared.contracts.sessions import Session
from shared.contracts.timestamps import now
from shared.messaging import history
from support.builders import ANYBODY
from support.eventually import eventually
from support.gateway.environment import Environment
from support.gateway.event_reader import Event
from support.gateway.story import Story
from support.gateway.writer import stored_run

LLM, ASSIST = "/api/llm", "/api/promptbro/assist"


async def asked(here: Environment, path: str = LLM, **body: Any) -> str:
    """A question that waits for its reader; its sid."""
    answer = await here.gateways[0].http.post(path, json=body or {"prompt": "Where is my kettle?"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["url"] == f"{path.partition('?')[0]}?sid={answer.json()['sid']}"
    return str(answer.json()["sid"])


async def begun(here: Environment, sid: str) -> Story:
    run = await stored_run(here.store, sid)
    return Story(run, here.store, here.connection)


async def commanded(here: Environment) -> list[str]:
    client = here.connection.client
    return [json.loads(stored.data)["runId"] async for stored in history.read(client, subjects.WORK, subjects.COMMANDS)]


def data(events: list[Event]) -> list[dict[str, Any]]:
    return [json.loads(event.data) for event in events]


async def test_nothing_begins_before_the_first_reader_and_then_once(here: Environment) -> None:
    sid = await asked(here)
    assert await here.store.runs.get(sid) is None
    async with here.gateways[0].open(f"{LLM}?sid={sid}") as one, here.gateways[1].open(f"{LLM}?sid={sid}") as two:
        await one.until_comment("connected")
        await two.until_comment("connected")
        story = await begun(here, sid)
        await story.start()
        await story.delta("At sea.", seq=2)
        await story.message(2, content="At sea.", side=Side.AGENT)
        told = [data(await client.rest()) for client in (one, two)]
    assert told == [[{"token": "At sea."}, {"done": True}]] * 2
    assert (story.run.kind, story.run.settings.scenarios[0].orphan_seconds) == (RunKind.ASSIST, 20)
    assert await commanded(here) == [sid]


@pytest.mark.parametrize(
    ("path", "body"), [(LLM, {"prompt": "Hi"}), (f"{ASSIST}?mode=session", {"step": "rewrite", "input": "Hi"})]
)
async def test_reader_that_was_cut_off_goes_on_elsewhere(here: Environment, path: str, body: dict[str, Any]) -> None:
    sid = await asked(here, path, **body)
    url = f"{path.partition('?')[0]}?sid={sid}"
    async with here.gateways[0].open(url) as client:
        await client.until_comment("connected")
        story = await begun(here, sid)
        await story.start()
        await story.delta("At ", seq=2)
        first = await client.take(1)
    await eventually(lambda: not len(here.gateways[0].streams.open_streams))
    await story.delta("sea.", seq=2, i=1)
    async with here.gateways[1].open(url, first[0].id) as client:
        second = await client.take(1)
        await story.message(2, content="At sea.", side=Side.AGENT)
        last = await client.rest()
    said = data([*first, *second])
    assert [one["token"] for one in said] == ["At ", "sea."]
    assert len(last) == 1
    async with here.gateways[0].open(url, last[0].id) as client:
        assert client.response.status_code == 204
    assert (await begun(here, sid)).run.control.wanted is Wanted.RUN
    assert await commanded(here) == [sid]


async def test_question_in_a_url_is_never_asked_again(here: Environment) -> None:
    url = f"{LLM}?prompt=Where%20is%20it&system=Be%20brief"
    async with here.gateways[0].open(url) as client:
        await client.until_comment("connected")
        sid = client.response.headers["x-stream-id"]
        story = await begun(here, sid)
        await story.start()
        # Whoever is cut off before the first token has an id to come again with.
        announced = await client.take(1)
        await story.delta("At ", seq=2)
        first = await client.take(1)
    assert data([*announced, *first]) == [{"token": ""}, {"token": "At "}]
    async with here.gateways[1].open(url, announced[0].id) as client:
        assert data(await client.take(1)) == [{"token": "At "}]
    async with here.gateways[1].open(url, first[0].id) as client:
        assert client.response.headers["x-stream-id"] == sid
        await story.message(2, content="At sea.", side=Side.AGENT)
        assert data(await client.rest()) == [{"token": "sea."}, {"done": True}]
    assert story.run.settings.scenarios[0].agent.system_prompt == "Be brief"
    assert await commanded(here) == [sid]


async def test_answer_that_is_gone_ends_its_reader_and_is_unknown_to_a_new_one(here: Environment) -> None:
    gone = "01gone"
    async with here.gateways[0].open(f"{LLM}?prompt=Hi", f"{gone}-4") as client:
        assert client.response.status_code == 204
    async with here.gateways[0].open(f"{LLM}?sid={gone}", f"{gone}-4") as client:
        assert client.response.status_code == 204
    unknown = await here.gateways[0].http.get(f"{LLM}?sid={gone}")
    assert (unknown.status_code, unknown.json()["error"]) == (404, "not_found")
    assert await commanded(here) == []


async def test_run_of_another_kind_is_no_answer(here: Environment) -> None:
    story = await here.story()
    assert (await here.gateways[0].http.get(f"{LLM}?sid={story.run.id}")).status_code == 404
    assert (await here.gateways[0].http.post(f"/api/streams/{story.run.id}/stop")).status_code == 404
    run = await stored_run(here.store, story.run.id)
    assert run.control.wanted is Wanted.RUN


async def test_question_is_kept_for_its_time_only_and_for_its_tenant(here: Environment) -> None:
    sid = await asked(here)
    session = await here.store.sessions.get(ANYBODY, sid, now())
    assert session is not None
    assert timedelta(minutes=9) < session.expires_at - now() <= timedelta(minutes=10)
    assert await here.store.sessions.get(ANYBODY, sid, session.expires_at) is None
    foreign = Session.model_validate(session.model_dump() | {"id": "01foreign", "tenant": "other"})
    await here.store.sessions.insert(foreign)
    assert (await here.gateways[0].http.get(f"{LLM}?sid=01foreign")).status_code == 404


async def test_question_that_is_stopped_unread_begins_cancelled(here: Environment) -> None:
    sid = await asked(here)
    stopped = await here.gateways[1].http.post(f"/api/streams/{sid}/stop")
    assert (stopped.status_code, stopped.json()["status"]) == (202, "canceling")
    run: Run = (await begun(here, sid)).run
    assert (run.control.wanted, run.control.version) == (Wanted.CANCEL, 1)
    assert (await here.gateways[0].http.post("/api/streams/01nobody/stop")).status_code == 404


async def test_chats_answer_is_stopped_by_its_stream_id_and_the_chat_goes_on(here: Environment) -> None:
    async with here.gateways[0].post("/api/chat", {"id": "mine", "message": "Hi"}) as client:
        chat = client.response.headers["x-stream-id"]
        stopped = await here.gateways[1].http.post(f"/api/streams/{chat}/stop")
        run = await here.store.runs.get(chat)
    assert stopped.status_code == 202, stopped.text
    assert run is not None
    assert (run.kind, run.control.stop_seq, run.control.wanted) == (RunKind.CHAT, 2, Wanted.RUN)


@pytest.mark.parametrize(
    "query", ["", "?prompt=", "?prompt=a&model=%20", "?prompt=a&sid=b", "?prompt=a&tier=slow", f"?sid={'x' * 10_000}"]
)
async def test_bad_question_is_400(here: Environment, query: str) -> None:
    answer = await here.gateways[0].http.get(f"{LLM}{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert await commanded(here) == []


async def test_many_readers_of_one_question_begin_it_once(here: Environment) -> None:
    sid = await asked(here)

    async def read(number: int) -> list[dict[str, Any]]:
        async with here.gateways[number % 2].open(f"{LLM}?sid={sid}") as client:
            return data(await client.rest())

    readers = [asyncio.create_task(read(number)) for number in range(8)]
    await eventually(lambda: sum(len(gateway.streams.open_streams) for gateway in here.gateways) == 8)
    story = await begun(here, sid)
    await story.start()
    await story.message(2, content="At sea.", side=Side.AGENT)
    assert await asyncio.gather(*readers) == [[{"token": "At sea."}, {"done": True}]] * 8
    assert await commanded(here) == [sid]
