"""Answers that are gone on with: after a cut, on another replica, after a reload; and what asks for nothing."""

import asyncio
import json
from datetime import timedelta

import pytest

from shared.contracts.enums import Side
from shared.contracts.timestamps import now
from support.eventually import eventually
from support.gateway.chat_answers import CHAT, Chunk, asked, chunks_of, kinds, reading, said, text_of
from support.gateway.chats import Engine
from support.gateway.environment import Environment

STREAM = f"{CHAT}/chat-1/stream"
WORDS = ["one ", "two ", "three ", "four ", "five ", "six"]
WHOLE = "".join(WORDS)


async def resumed(here: Environment, gateway: int, last_id: str | None = None, path: str = STREAM) -> list[Chunk]:
    """The rest of an answer that stands."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    response = await here.gateways[gateway].http.get(path, headers=headers)
    assert response.status_code == 200
    return chunks_of(response.content)


async def cut_after(here: Environment, words: int) -> tuple[Engine, list[Chunk]]:
    """An answer whose reader's connection breaks after some words; the engine writes on."""
    async with reading(here.gateways[0], asked(said("Count"))) as reader:
        engine = await here.chats.engine()
        await engine.open()
        for word in WORDS[:words]:
            await engine.write(word)
        had = await reader.until_text(WORDS[words - 1])
    return engine, had


async def finish(engine: Engine, words: int) -> None:
    for word in WORDS[words:]:
        await engine.write(word)
    await engine.answer(WHOLE)


async def test_tail_on_another_replica_is_exact_while_the_answer_is_written(here: Environment) -> None:
    engine, had = await cut_after(here, 2)
    async with reading(here.gateways[1], path=STREAM, last_id=had[-1].id) as reader:
        await finish(engine, 2)
        tail = await reader.rest()
    everything = await resumed(here, 0, had[0].id)
    assert [chunk.data for chunk in had[1:] + tail] == [chunk.data for chunk in everything]
    assert [chunk.id for chunk in had[1:] + tail] == [chunk.id for chunk in everything]
    assert text_of(had + tail) == WHOLE


async def test_tail_of_an_answer_that_was_completed_meanwhile(here: Environment) -> None:
    engine, had = await cut_after(here, 3)
    await finish(engine, 3)
    tail = await resumed(here, 1, had[-1].id)
    assert text_of(had + tail) == WHOLE
    assert kinds(tail)[-2:] == ["finish", "[DONE]"]
    assert (await here.gateways[1].http.get(STREAM, headers={"Last-Event-ID": str(tail[-1].id)})).status_code == 204
    assert (await here.gateways[1].http.get(STREAM, headers={"Last-Event-ID": str(tail[-2].id)})).status_code == 204


async def test_every_chunk_is_a_place_to_go_on_from(here: Environment) -> None:
    _, chunks = await here.chats.answered(asked(said("Count")), *WORDS)
    for place, chunk in enumerate(chunks[:-2]):
        tail = await resumed(here, place % 2, chunk.id)
        assert [one.data for one in tail] == [one.data for one in chunks[place + 1 :]]


async def test_last_event_id_by_query(here: Environment) -> None:
    engine, had = await cut_after(here, 2)
    await finish(engine, 2)
    tail = await resumed(here, 1, path=f"{STREAM}?lastEventId={had[-1].id}")
    assert text_of(had + tail) == WHOLE


async def test_reload_replays_an_answer_in_flight_from_its_start(here: Environment) -> None:
    engine, _ = await cut_after(here, 2)
    async with reading(here.gateways[1], path=STREAM) as reader:
        await finish(engine, 2)
        chunks = await reader.rest()
    assert kinds(chunks)[:3] == ["start", "start-step", "text-start"]
    assert text_of(chunks) == WHOLE


async def test_reload_replays_a_finished_answer_that_nobody_has_read(here: Environment) -> None:
    engine, _ = await cut_after(here, 2)
    await finish(engine, 2)
    await here.chats.nobody_reads()
    first = await resumed(here, 1)
    assert (kinds(first)[0], text_of(first)) == ("start", WHOLE)
    # Now somebody has: that gateway knows it at once, the others soon.
    assert (await here.gateways[1].http.get(STREAM)).status_code == 204
    await eventually(lambda: _is_empty(here, 0))


async def test_answer_whose_events_have_left_the_stream_is_replayed_from_the_store(here: Environment) -> None:
    engine, _ = await cut_after(here, 2)
    await finish(engine, 2)
    await here.client.jetstream(timeout=5).purge_stream("RUN_EVENTS", subject=f"run.{engine.run_id}.>")
    await eventually(lambda: _forgotten(here))
    chunks = await resumed(here, 1)
    assert (kinds(chunks)[0], text_of(chunks), kinds(chunks)[-2:]) == ("start", WHOLE, ["finish", "[DONE]"])


async def _is_empty(here: Environment, gateway: int) -> bool:
    """Whether a gateway has nothing to go on with."""
    return (await here.gateways[gateway].http.get(STREAM)).status_code == 204


async def _forgotten(here: Environment) -> bool:
    """Whether no gateway holds the events in a log any more."""
    return not any(gateway.streams.hub.scopes for gateway in here.gateways)


async def test_new_attempt_resets_the_step_for_version_7_only(here: Environment) -> None:
    for version, reset in (("7", True), ("7.0.173", True), ("6", False), ("x", False)):
        body = asked(said("Count"), chat=f"chat-{version.replace('.', '_')}")
        async with reading(here.gateways[0], body, **{"X-AI-SDK": version}) as reader:
            engine = await here.chats.engine(body["id"])
            await engine.open()
            await engine.write("Wro")
            await engine.discard()
            await engine.open("a2")
            await engine.write("Good", "a2")
            await engine.answer("Good", "a2")
            chunks = await reader.rest()
        assert ("reset-step" in kinds(chunks)) is reset
        assert text_of(chunks) == ("Good" if reset else "WroGood")


async def test_nothing_to_resume_is_204(here: Environment) -> None:
    assert (await here.http.get(STREAM)).status_code == 204
    assert (await here.http.get(f"{CHAT}/{'x' * 10_000}/stream")).status_code == 204
    await here.chats.answered(asked(said("Count")), *WORDS)
    assert (await here.http.get(STREAM)).status_code == 204
    assert (await here.http.get(STREAM, headers={"X-User-Id": "another"})).status_code == 204
    story = await here.story()
    assert (await here.http.get(f"{CHAT}/{story.run.id}/stream")).status_code == 204


async def test_foreign_and_future_positions_are_as_none(here: Environment) -> None:
    """An answer that was read: nothing. One in flight: all of it."""
    _, chunks = await here.chats.answered(asked(said("Count")), *WORDS)
    epoch, tag, rest = str(chunks[-3].id).split("-")
    sequence, seq, place = rest.split(".")
    wrong = [
        "7",
        "x" * 10_000,
        f"{epoch}-{tag}-{sequence}",
        f"{epoch}-00000000-{rest}",
        f"abc-{tag}-{rest}",
        f"{epoch}-{tag}-{int(sequence) + 10**9}.{seq}.{place}",
        f"{epoch}-{tag}-{sequence}.9.{place}",
        f"{epoch}-{tag}-{sequence}.1.{place}",
    ]
    for position in wrong:
        assert (await here.http.get(STREAM, headers={"Last-Event-ID": position})).status_code == 204
    asking = asyncio.create_task(here.chats.ask(asked(said("More", "m2"))))
    engine = await here.chats.engine(seq=4)
    for position in wrong[:-2]:
        async with reading(here.gateways[1], path=STREAM, last_id=position) as reader:
            assert kinds(await reader.until("start")) == ["start"]
    await engine.whole(*WORDS)
    await asking


async def test_recover_streams_what_follows(here: Environment) -> None:
    engine, _ = await cut_after(here, 2)
    recovering = asyncio.create_task(_recovered(here, "one tw"))
    await finish(engine, 2)
    assert await recovering == ["o ", *WORDS[2:], "[DONE]"]
    assert await _recovered(here, WHOLE) == ["[DONE]"]
    assert await _recovered(here, "uno ") == [{"restart": True}, *WORDS, "[DONE]"]
    unknown = await here.http.post(f"{CHAT}/recover", json={"conversationId": "nobody", "lastContent": ""})
    assert (unknown.status_code, unknown.json()["error"]) == (404, "not_found")


async def _recovered(here: Environment, text: str) -> list[object]:
    response = await here.gateways[1].http.post(
        f"{CHAT}/recover", json={"conversationId": "chat-1", "lastContent": text}
    )
    chunks = chunks_of(response.content)
    bodies = [chunk.data if chunk.data == "[DONE]" else chunk.body for chunk in chunks]
    return [body.get("content", body) if isinstance(body, dict) else body for body in bodies]


async def test_server_that_goes_down_breaks_the_answer_off(here: Environment) -> None:
    """A body that ended well would be taken for the whole answer."""
    async with reading(here.gateways[0], asked(said("Count"))) as reader:
        engine = await here.chats.engine()
        await engine.open()
        await engine.write(WORDS[0])
        had = await reader.until_text(WORDS[0])
        here.gateways[0].app.state.services.shutting_down.set()
        await reader.rest()
    assert reader.broken
    await finish(engine, 1)
    tail = await resumed(here, 1, had[-1].id)
    assert text_of(had + tail) == WHOLE
    assert (await here.chats.run()).control.stop_seq == 0


async def test_whole_answer_of_a_server_that_goes_down_is_asked_for_again(here: Environment) -> None:
    body = asked(said("Count"), format="json")
    asking = asyncio.create_task(here.gateways[0].http.post(CHAT, json=body))
    engine = await here.chats.engine()
    await eventually(lambda: here.gateways[0].app.state.services.reader_leases.is_read(engine.run_id))
    here.gateways[0].app.state.services.shutting_down.set()
    sent_away = await asking
    assert (sent_away.status_code, sent_away.json()["error"], "retry-after" in sent_away.headers) == (
        503,
        "unavailable",
        True,
    )
    again = asyncio.create_task(here.gateways[1].http.post(CHAT, json=body))
    await engine.whole(*WORDS)
    assert (await again).json()["content"] == WHOLE
    assert (await here.chats.run()).control.stop_seq == 0


async def test_lost_events_are_healed_by_the_message(here: Environment) -> None:
    async with reading(here.gateways[0], asked(said("Count"))) as reader:
        engine = await here.chats.engine()
        await engine.open()
        await engine.write(WORDS[0])
        engine.numbers["a1"] += 1
        await engine.write(WORDS[2])
        await engine.answer(WHOLE)
        chunks = await reader.rest()
    assert [one.body["delta"] for one in chunks if '"text-delta"' in one.data] == [WORDS[0], "".join(WORDS[1:])]


async def test_text_over_64_kb_is_whole(here: Environment) -> None:
    long = "word " * 20_000
    asking = asyncio.create_task(here.chats.ask(asked(said("Write"))))
    engine = await here.chats.engine()
    await engine.open()
    await engine.write(long[:100])
    await engine.answer(long)
    _, chunks = await asking
    assert text_of(chunks) == long


async def test_readers_hold_a_lease_and_note_what_they_have_read(
    here: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.answers.reader_leases.RENEW_SECONDS", 0.05)
    async with reading(here.gateways[0], asked(said("Count"))) as reader:
        engine = await here.chats.engine()

        async def is_renewed() -> bool:
            held = await here.store.readers.read_at([engine.run_id])
            return engine.run_id in held and now() - held[engine.run_id] < timedelta(seconds=5)

        await eventually(is_renewed)
        assert (await here.store.readers.get(engine.run_id)).read_seq == 0
        await engine.whole(*WORDS)
        await reader.rest()

    async def is_noted() -> bool:
        return (await here.store.readers.get(engine.run_id)).read_seq == 2

    await eventually(is_noted)


async def test_content_events_go_on_by_their_ids(here: Environment) -> None:
    body = asked(said("Count"))
    asking = asyncio.create_task(here.gateways[0].http.post(f"{CHAT}/sse", json=body))
    await (await here.chats.engine()).whole(*WORDS)
    chunks = chunks_of((await asking).content)
    assert [one.body for one in chunks[:-1]] == [{"content": word} for word in WORDS]
    tail = await resumed(here, 1, chunks[2].id, f"{STREAM}?format=sse")
    assert [one.data for one in tail] == [one.data for one in chunks[3:]]
    assert json.loads(tail[0].data) == {"content": WORDS[3]}


async def test_chat_that_went_on_elsewhere_goes_on_here(here: Environment) -> None:
    """A gateway remembers the chat it has served: what another one added since is read before anything is said."""
    said_by = [("m1", 0, 2), ("m2", 0, 4), ("m3", 1, 6), ("m4", 0, 8)]
    for message, gateway, seq in said_by:
        asking = asyncio.create_task(here.chats.ask(asked(said(message, message)), gateway))
        engine = await here.chats.engine(seq=seq)
        await engine.whole(f"Answer {seq}.")
        _, chunks = await asking
        assert text_of(chunks) == f"Answer {seq}."
    run = await here.chats.run()
    entries = await here.store.entries.transcript(run.id)
    assert [(entry.seq, entry.client_message_id) for entry in entries if entry.side is Side.OPPONENT] == [
        (seq - 1, message) for message, _, seq in said_by
    ]
    assert (await here.gateways[1].http.delete(f"{CHAT}/chat-1")).status_code == 204
    refused, _ = await here.chats.ask(asked(said("More", "m5")))
    assert (refused.status_code, refused.json()["details"]["reason"]) == (409, "already_ended")
    deleted = await here.chats.run()
    assert deleted.expires_at is not None
    assert deleted.expires_at <= now()
