"""The publisher and the reading of streams, on a real nats-server."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from nats.aio.client import Client

from shared.contracts import subjects
from shared.contracts.bounds import LARGEST_PAYLOAD_BYTES
from shared.contracts.enums import Lane, Purpose, Side
from shared.contracts.events import ControlChanged, MessageAdded
from shared.contracts.identity import new_id
from shared.contracts.timestamps import now
from shared.contracts.work import GenerationRequested, PromptMessage, RunCommanded
from shared.errors import BrokerUnavailable, NotStorable
from shared.messaging import history
from shared.messaging.history import StoredMessage
from shared.messaging.publisher import Publisher
from support.builders import message
from support.work_left import work_left

OLD = timedelta(minutes=20)


def fact(run_id: str, age: timedelta = timedelta()) -> MessageAdded:
    return MessageAdded.of(message(f"{run_id}-1", 1, created_at=now() - age))


def hint(run_id: str) -> ControlChanged:
    return ControlChanged(run_id=run_id, at=now(), type="run.paused", version=2)


def job() -> GenerationRequested:
    return GenerationRequested(
        run_id="r1",
        at=now(),
        conversation_id="r1-1",
        seq=1,
        purpose=Purpose.TURN,
        side=Side.OPPONENT,
        provider="demo",
        model="demo-fast",
        first_job_at=now(),
    )


async def standing(client: Client, subject: str, **bounds: object) -> list[StoredMessage]:
    read = history.read(client, subjects.RUN_EVENTS, subject, **bounds)  # type: ignore[arg-type]
    return [one async for one in read]


async def test_fact_published_twice_stands_once_and_says_where(client: Client, publisher: Publisher) -> None:
    said = fact(new_id())
    sequences = {await publisher.event(said) for _ in range(3)}
    (stored,) = await standing(client, subjects.events(said.run_id))
    assert sequences == {stored.sequence}
    assert stored.message_id == said.message_id
    assert stored.about == frozenset({said.run_id, said.conversation_id})


async def test_hint_may_stand_twice(client: Client, publisher: Publisher) -> None:
    said = hint(new_id())
    assert await publisher.event(said) < await publisher.event(said)


async def test_old_fact_is_found_in_the_stream_that_has_forgotten_its_id(client: Client, publisher: Publisher) -> None:
    stream = client.jetstream()
    config = (await stream.stream_info(subjects.RUN_EVENTS)).config
    await stream.update_stream(config.evolve(duplicate_window=0.1))
    said = fact(new_id(), OLD)
    sequence = await publisher.event(said)
    await forgotten(client, said)
    assert await publisher.event(said) == sequence
    assert len(await standing(client, subjects.events(said.run_id))) == 1


async def forgotten(client: Client, after: MessageAdded) -> None:
    """Returns when the stream takes an id again that it got after the fact's."""
    stream, subject = client.jetstream(), subjects.text(after.run_id, "probe")
    async with asyncio.timeout(10):
        await stream.publish(subject, b"", headers={"Nats-Msg-Id": "probe"})
        while (await stream.publish(subject, b"", headers={"Nats-Msg-Id": "probe"})).duplicate:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_old_fact_that_stands_nowhere_is_published(client: Client, publisher: Publisher) -> None:
    said = fact(new_id(), OLD)
    await publisher.event(hint(said.run_id))
    assert await publisher.event(said) == (await standing(client, subjects.events(said.run_id)))[-1].sequence


async def test_command_and_sweep_of_a_run_are_not_the_same(client: Client, publisher: Publisher) -> None:
    moment = now()
    commands = [RunCommanded(run_id="r1", at=moment, version=1), RunCommanded(run_id="r1", at=moment, sweep=7)]
    answers = [await publisher.work(command) for command in (*commands, *commands)]
    assert [bool(answer.duplicate) for answer in answers] == [False, False, True, True]


async def test_scheduled_job_arrives_in_its_lane_and_says_whom_it_is_about(
    client: Client, publisher: Publisher
) -> None:
    wanted, moment = job(), now()
    await publisher.scheduled(wanted, moment + timedelta(seconds=1), "r1-1:1:turn:later:1")
    (waiting,) = [one async for one in history.read(client, subjects.WORK, "later.>")]
    assert waiting.about == {"r1", "r1-1"}
    lane = await client.jetstream().pull_subscribe_bind(subjects.lane_durable("demo", Lane.BATCH), subjects.WORK)
    (arrived,) = await lane.fetch(1, timeout=10)
    await arrived.ack_sync(timeout=5)
    assert GenerationRequested.model_validate_json(arrived.data) == wanted
    assert now() - moment >= timedelta(seconds=0.9)
    assert await work_left(client) == {}


async def test_what_no_stream_takes_is_said_to_be_unavailable(client: Client) -> None:
    with pytest.raises(BrokerUnavailable, match="did not confirm run"):
        await Publisher(client).event(hint("r1"))
    with pytest.raises(BrokerUnavailable):
        await standing(client, "run.>")


async def many(client: Client, run_id: str, number: int) -> list[int]:
    """Publishes `number` messages on the run's events and the text of a conversation, in turn."""
    stream = client.jetstream()
    names = (subjects.events(run_id), subjects.text(run_id, f"{run_id}-1"))
    return [(await stream.publish(names[place % 2], str(place).encode())).seq for place in range(number)]


async def test_history_is_read_whole_over_many_pages(client: Client, publisher: Publisher) -> None:
    mine, _ = await many(client, "mine", 600), await many(client, "other", 3)
    everything = await standing(client, subjects.everything("mine"))
    assert [one.sequence for one in everything] == mine
    assert [int(one.data) for one in everything] == list(range(600))
    assert [one.sequence for one in await standing(client, subjects.events("mine"))] == mine[::2]


async def test_history_begins_and_ends_where_it_is_told(client: Client, publisher: Publisher) -> None:
    mine = await many(client, "mine", 300)
    everything = subjects.everything("mine")
    part = await standing(client, everything, from_sequence=mine[10], up_to_sequence=mine[280])
    assert [one.sequence for one in part] == mine[10:281]
    assert await standing(client, everything, from_sequence=mine[-1] + 1) == []
    assert await standing(client, everything, start_time=now() + timedelta(hours=1)) == []
    recent = await standing(client, everything, start_time=now() - timedelta(minutes=1))
    assert [one.sequence for one in recent] == mine


async def test_last_sequence_is_where_a_subject_stands(client: Client, publisher: Publisher) -> None:
    assert await history.last_sequence(client, subjects.RUN_EVENTS, subjects.events("nobody")) == 0
    mine = await many(client, "mine", 4)
    assert await history.last_sequence(client, subjects.RUN_EVENTS, subjects.events("mine")) == mine[2]


async def test_stored_event_is_heard_live(client: Client, publisher: Publisher) -> None:
    said = hint(new_id())
    heard = await client.subscribe(subjects.republished(subjects.events(said.run_id)))
    sequence = await publisher.event(said)
    live = await heard.next_msg(timeout=5)
    assert live.data == said.to_json()
    assert int((live.headers or {})["Nats-Sequence"]) == sequence


async def test_what_the_broker_can_never_take_is_no_broker_that_is_away(client: Client, publisher: Publisher) -> None:
    large = job().model_copy(update={"prompt": (PromptMessage(role="user", content="\U0001f600" * 300_000),)})
    with pytest.raises(NotStorable, match=f"at most {LARGEST_PAYLOAD_BYTES} bytes"):
        await publisher.work(large)
    odd = job().model_copy(update={"prompt": (PromptMessage.model_construct(role="user", content="\ud800"),)})
    with pytest.raises(NotStorable, match="written as JSON"):
        await publisher.work(odd)
    assert (await publisher.work(job())).seq
    assert client.is_connected


async def test_a_stream_of_large_messages_is_read_some_bytes_at_a_time(
    client: Client, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, batches = new_id(), []
    fetch = history._fetch

    async def fetched(*asked: Any) -> Any:
        batches.append(await fetch(*asked))
        return batches[-1]

    sequences = []
    for seq in range(1, 21):
        large = message(f"{run_id}-1", seq, content="x" * 20_000)
        sequences.append(await publisher.event(MessageAdded.of(large)))
    monkeypatch.setattr(history, "_fetch", fetched)
    monkeypatch.setattr(history, "BATCH_BYTES", 100_000)
    read = await standing(client, subjects.events(run_id))
    assert [one.sequence for one in read] == sequences
    assert len(batches) >= 4
    assert all(sum(len(one.data) for one in batch.messages) <= 150_000 for batch in batches)
