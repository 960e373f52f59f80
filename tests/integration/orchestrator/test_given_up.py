"""What fails for good ends what it is about, and nothing else: a dead letter, `error`, and the engine goes on."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
import structlog
from nats.aio.client import Client

from integration.orchestrator.stage import Stage, stage
from invariants import events_of
from orchestrator import conversations
from orchestrator.conversation_facts import ConversationFacts
from orchestrator.decide import Effect, decide
from orchestrator.settings import OrchestratorSettings
from shared.contracts import subjects
from shared.contracts.enums import EndedReason, Purpose, RunKind, RunStatus, Side, Wanted
from shared.contracts.identity import new_id
from shared.contracts.runs import Run
from shared.contracts.settings import GivenMessage
from shared.contracts.timestamps import now
from shared.contracts.transcript import Failure, ToolCall
from shared.contracts.work import GenerationStored, RunCommanded
from shared.errors import NotStorable
from shared.messaging import history
from shared.messaging.publisher import Publisher
from shared.storage import Store
from support.builders import ANYBODY, conversation, message, run, scenario
from support.eventually import eventually
from support.servers import own_connection

AT_ONCE = OrchestratorSettings(
    sweep_period_seconds=0.01, control_grace_seconds=0, silence_seconds=0, silence_check_seconds=0
)
LARGE = "x" * 1_500_000
WORDS = "the words of somebody"
SMALL_PAYLOAD = 6_000


@pytest.fixture(autouse=True)
def unrendered_logs() -> Iterator[None]:
    """Tracebacks as structlog shows them to people take seconds of the event loop on a busy machine."""
    with structlog.testing.capture_logs():
        yield


def given(**beside: Any) -> GivenMessage:
    return GivenMessage(side=Side.OPPONENT, content="hello", **beside)


def poisoned(marker: GivenMessage, **fields: Any) -> Run:
    return run(played=scenario(given=(marker,), message_limit=3), **fields)


async def letters(client: Client) -> list[dict[str, Any]]:
    return [orjson.loads(one.data) async for one in history.read(client, subjects.DEAD_LETTERS, ">")]


async def at_rest(played: Stage, run_id: str) -> Run:
    """The run when it has ended and `WORK` holds nothing."""

    async def ended() -> bool:
        found = await played.run(run_id)
        return found.end_sequence is not None and await played.queued() == 0

    await eventually(ended, f"the end of {run_id}")
    return await played.run(run_id)


async def ends_of(played: Stage, of: Run) -> list[tuple[EndedReason | None, str | None]]:
    return [
        (one[-1].ended_reason, one[-1].error.code if one[-1].error else None) for one in await played.transcripts(of)
    ]


STORED_BY_AN_OLDER_VERSION = {
    "parts": given(parts=({"type": "image", "url": LARGE},)),
    "numbers that grow": given(parts=({"d": [1e15] * 200_000},)),
    "tool calls": given(tool_calls=(ToolCall(id="c", name="t", input=LARGE),)),
    "text": GivenMessage(side=Side.OPPONENT, content="\U0001f600" * 400_000),
}


@pytest.mark.parametrize("marker", STORED_BY_AN_OLDER_VERSION.values(), ids=STORED_BY_AN_OLDER_VERSION.keys())
async def test_run_with_a_message_over_the_brokers_payload_is_played(
    store: Store, client: Client, marker: GivenMessage
) -> None:
    async with stage(store, client) as played, played.playing():
        started = await played.start(poisoned(marker))
        assert (await played.ended(started.id)).status is RunStatus.COMPLETE
    first = next(event for event in await events_of(client, started.id) if event.type == "message")
    assert first.fields["truncated"] is True


async def test_run_whose_messages_cannot_be_told_ends_by_error_and_delays_nobody(
    store: Store, client: Client, fresh_nats_url: str
) -> None:
    """A broker that takes less than ours: nothing the engine knows beforehand."""
    async with own_connection(fresh_nats_url) as narrow:
        narrow._max_payload = SMALL_PAYLOAD
        async with stage(store, client, orchestrator_publisher=Publisher(narrow)) as played, played.playing():
            bad = [await played.start(poisoned(given(parts=({"a": "x" * 8_000},)))) for _ in range(5)]
            good = await played.start(run(played=scenario(message_limit=2)))
            assert (await at_rest(played, good.id)).status is RunStatus.COMPLETE
            for one in bad:
                assert (await at_rest(played, one.id)).status is RunStatus.FAILED
                assert await ends_of(played, one) == [(EndedReason.ERROR, "not_storable")]


async def test_what_cannot_be_stored_ends_its_conversation_and_is_not_tried_again(
    store: Store, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert, tried = store.entries.insert, Counter[str]()

    async def refuses(entry: Any) -> None:
        if entry.content == WORDS:
            tried[entry.conversation_id] += 1
            raise NotStorable("a large text")
        await insert(entry)

    monkeypatch.setattr(store.entries, "insert", refuses)
    async with stage(store, client) as played, played.playing():
        started = await played.start(poisoned(GivenMessage(side=Side.OPPONENT, content=WORDS), total=2))
        ended = await played.ended(started.id)
    assert (ended.status, ended.failed) == (RunStatus.FAILED, 2)
    assert await ends_of(played, started) == [(EndedReason.ERROR, "not_storable")] * 2
    assert set(tried.values()) == {1}


async def test_cancel_ends_a_run_whose_messages_cannot_be_told(
    store: Store, client: Client, fresh_nats_url: str
) -> None:
    async with own_connection(fresh_nats_url) as narrow:
        narrow._max_payload = SMALL_PAYLOAD
        async with stage(store, client, orchestrator_publisher=Publisher(narrow)) as played:
            started = await played.start(poisoned(given(parts=({"a": "x" * 8_000},))))
            await played.want(started.id, Wanted.CANCEL)
            async with played.playing():
                assert (await at_rest(played, started.id)).status is RunStatus.CANCELED


def decides(fails: Callable[[ConversationFacts], bool], seen: Counter[str]) -> Any:
    def spoiled(about: ConversationFacts, moment: Any) -> tuple[Effect, ...]:
        if about.ended is None and fails(about):
            seen[str(about.settings.seed)] += 1
            raise KeyError(WORDS)
        return decide(about, moment)

    return spoiled


async def test_conversation_our_code_fails_for_ends_alone_and_was_repeated_once(
    store: Store, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three conversations: the look that begins the second fails. The others are played as ever."""
    seen = Counter[str]()
    monkeypatch.setattr(conversations, "decide", decides(lambda about: about.settings.seed == 2, seen))
    async with stage(store, client) as played, played.playing():
        started = await played.start(run(total=3, concurrency=3, played=scenario(message_limit=2)))
        ended = await at_rest(played, started.id)
    assert (ended.status, ended.completed, ended.failed) == (RunStatus.COMPLETE, 2, 1)
    assert await ends_of(played, started) == [
        (EndedReason.LIMIT, None),
        (EndedReason.ERROR, "internal"),
        (EndedReason.LIMIT, None),
    ]
    (letter,) = await letters(client)
    assert (letter["type"], letter["runId"], letter["failure"]["code"]) == ("look.given-up", started.id, "internal")
    assert "test_given_up.py" in letter["traceback"]
    assert WORDS not in str(letter)
    # The look, its one repetition, and the one that ends it.
    assert seen["2"] <= 3


async def test_conversation_our_code_fails_for_in_its_middle_ends_by_error(
    store: Store, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trigger is a done, which names its conversation."""
    seen = Counter[str]()
    monkeypatch.setattr(conversations, "decide", decides(lambda about: about.messages == 2, seen))
    async with stage(store, client) as played, played.playing():
        started = await played.start(run(total=2, concurrency=1, played=scenario(message_limit=4)))
        ended = await at_rest(played, started.id)
    assert (ended.status, ended.failed) == (RunStatus.FAILED, 2)
    assert await ends_of(played, started) == [(EndedReason.ERROR, "internal")] * 2
    assert {letter["trigger"] for letter in await letters(client)} == {"llm.done.orchestrator"}
    assert max(seen.values()) <= 2


async def test_run_whose_conversations_cannot_even_be_closed_ends_as_it_stands(
    store: Store, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(about: ConversationFacts, moment: Any) -> tuple[Effect, ...]:
        raise KeyError(WORDS)

    monkeypatch.setattr(conversations, "decide", fails)
    async with stage(store, client, settings=AT_ONCE) as played, played.playing():
        started, canceled = await played.start(run(total=2)), await played.start(run())
        ended = await at_rest(played, started.id)
        assert ended.error is not None
        assert (ended.status, ended.error.code) == (RunStatus.FAILED, "internal")
        await at_rest(played, canceled.id)
        # Nothing is left that a sweep would find.
        await played.sweeper.sweep()
        assert played.sweeper.looks.total() == 0
    assert [one[-1].ended_reason for one in await played.transcripts(started)] == [EndedReason.ERROR] * 2


async def test_end_that_was_not_told_before_a_death_is_told(
    store: Store, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was ended as it stood, by somebody who died then; the trigger, a done, comes again."""
    seen = Counter[str]()
    monkeypatch.setattr(conversations, "decide", decides(lambda _: True, seen))
    async with stage(store, client, settings=AT_ONCE) as played, played.playing(runner=False):
        begun = run()
        await store.runs.insert(begun)
        await store.conversations.insert(conversation(begun))
        await store.runs.abandon(begun.id, Failure(code="internal", message="It failed."), now())
        done = GenerationStored(
            run_id=begun.id, at=now(), conversation_id=begun.conversation_id(1), purpose=Purpose.TURN
        )
        await client.jetstream().publish(subjects.DONE_ORCHESTRATOR, done.to_json())
        await at_rest(played, begun.id)
    assert [event.type for event in await events_of(client, begun.id)][-1] == "run.ended"


async def test_cancel_ends_what_cannot_be_looked_at(
    store: Store, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(about: ConversationFacts, moment: Any) -> tuple[Effect, ...]:
        raise KeyError(WORDS)

    async with stage(store, client) as played:
        started = await played.start(run())
        await played.want(started.id, Wanted.CANCEL)
        monkeypatch.setattr(conversations, "decide", fails)
        async with played.playing():
            ended = await at_rest(played, started.id)
    assert ended.status is RunStatus.CANCELED


ODD: dict[str, dict[str, Any]] = {
    "no scenario": {"settings.scenarios": []},
    "no conversation": {"settings.total": 0},
    "no budget": {"budget": None},
    "a kind nobody knows": {"settings.kind": "odd"},
}


ODD_AND_WANTED = [(odd, None) for odd in ODD.values()] + [(next(iter(ODD.values())), Wanted.CANCEL)]


@pytest.mark.parametrize(("odd", "wanted"), ODD_AND_WANTED)
async def test_run_with_odd_settings_ends_and_others_are_swept(
    store: Store, client: Client, odd: dict[str, Any], wanted: Wanted | None
) -> None:
    async with stage(store, client, settings=AT_ONCE) as played, played.playing():
        spoiled, left = run(), run()
        await store.runs.insert(spoiled)
        await store.runs.insert(left)
        if wanted is not None:
            await store.runs.set_wanted(ANYBODY, spoiled.id, wanted, 1, now())
        store.runs._assignments.forget(spoiled.id)
        await store.collection("runs").update_one({"_id": spoiled.id}, {"$set": odd})
        await played.sweeper.sweep()
        assert (await at_rest(played, left.id)).status is RunStatus.COMPLETE

        async def ended() -> bool:
            document = await store.collection("runs").find_one({"_id": spoiled.id}) or {}
            return document["status"] == ("canceled" if wanted else "failed") and document["ended_at"] is not None

        await eventually(ended, "its end")
        await eventually(lambda: _is_empty(played), "an empty queue")
        before = played.sweeper.looks.total()
        await played.sweeper.sweep()
        assert played.sweeper.looks.total() == before


async def test_chat_nobody_can_read_keeps_no_other_from_being_forgotten(store: Store, client: Client) -> None:
    long_ago = now() - timedelta(days=40)
    spoiled, left = (run(kind=RunKind.CHAT, expires_at=long_ago, asked_seq=1, asked_at=now()) for _ in range(2))
    for one in (spoiled, left):
        await store.runs.insert(one)
        await store.runs.finish(one.id, RunStatus.COMPLETE, now(), report_ready=False)
    await store.collection("runs").update_one({"_id": spoiled.id}, {"$set": {"budget": None, "ended_at": None}})
    async with stage(store, client, settings=AT_ONCE.model_copy(update={"forgetting_seconds": 0})) as played:
        await played.sweeper.sweep()
    assert await store.collection("runs").count_documents({}) == 0


async def _is_empty(played: Stage) -> bool:
    return await played.queued() == 0


async def test_chat_our_code_fails_for_is_answered_that_it_failed_and_goes_on(
    store: Store, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(store, client, settings=AT_ONCE) as played, played.playing(runner=False):
        chat = run(kind=RunKind.CHAT, played=scenario(given=(given(),), message_limit=1000, judge=None))
        seen = Counter[str]()
        monkeypatch.setattr(conversations, "decide", decides(lambda about: about.unanswered, seen))
        monkeypatch.setattr(conversations, "proven_by_command", lambda *_: None)
        await store.runs.insert(chat)
        await store.conversations.insert(conversation(chat).model_copy(update={"id": chat.id}))
        await store.entries.insert(message(chat.id, 1))
        await store.runs.ask(ANYBODY, chat.id, 1, now(), now() + timedelta(days=1))
        await played.command(chat.id, 1)
        await eventually(lambda: _answered(store, chat.id), "an answer")
        await eventually(lambda: _is_empty(played), "an empty queue")
        found = await played.run(chat.id)
        # Nobody finds it unanswered, and it is not over.
        assert (found.current_turn, found.ended_at) == (2, None)
    answer = await store.entries.at(chat.id, 2)
    assert answer is not None
    assert answer.error is not None
    assert (answer.finish_reason, answer.error.code) == ("error", "internal")
    assert [event.fields["seq"] for event in await events_of(client, chat.id) if event.type == "message"] == [1, 2]


async def _answered(store: Store, chat: str) -> bool:
    return await store.entries.at(chat, 2) is not None


UNREADABLE = {
    "no UTF-8": b"\xff\xfe\x00" * 100,
    "nothing": b"",
    "null": b"null",
    "deep": b"[" * 100_000,
    "large": b"\x01" * 1_000_000,
    "of somebody else": orjson.dumps({"type": "run.commanded", "words": WORDS}),
    "of a run nobody knows": RunCommanded(run_id="nobody", at=now()).to_json(),
    "of no run": RunCommanded(run_id=WORDS, at=now(), conversation_id="a-b-c").to_json(),
    "of a conversation nobody knows": GenerationStored(
        run_id="nobody", at=now(), conversation_id="nobody-x", purpose=Purpose.TURN
    ).to_json(),
}


async def test_messages_of_nobody_do_no_harm(store: Store, client: Client) -> None:
    async with stage(store, client) as played, played.playing():
        for subject in (subjects.COMMANDS, subjects.DONE_ORCHESTRATOR):
            for payload in UNREADABLE.values():
                await client.jetstream().publish(subject, payload)
        started = await played.start(run())
        assert (await at_rest(played, started.id)).status is RunStatus.COMPLETE
    # All but those of runs that are not there: somebody may have forgotten them.
    assert len(await letters(client)) >= 2 * (len(UNREADABLE) - 4)


async def test_letter_of_a_chats_command_holds_no_word_of_it(
    store: Store, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> None:
        raise ZeroDivisionError

    async with stage(store, client) as played:
        monkeypatch.setattr(played.handlers._runs, "on_command", fails)
        question = message(new_id(), 1, WORDS)
        command = RunCommanded(run_id=question.run_id, at=now(), message_seq=1, stored_at=now(), question=question)
        await played.publisher.work(command)
        async with played.playing():
            await eventually(lambda: _is_empty(played), "an empty queue")
    (letter,) = await letters(client)
    assert (letter["failure"]["code"], orjson.loads(letter["payload"])["question"]) == ("internal", None)
    assert WORDS not in str(letter)
