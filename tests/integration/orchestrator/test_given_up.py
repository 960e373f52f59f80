"""What fails for good ends what it is about, and nothing else: a dead letter, `error`, and the engine goes on."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
import structlog

from orchestrator import conversations
from orchestrator.conversation_facts import ConversationFacts
from orchestrator.decide import Effect, decide
from orchestrator.runs import RunLooks
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
from shared.messaging.publisher import Publisher
from support.builders import ANYBODY, conversation, message, run, scenario
from support.eventually import eventually
from support.servers import own_connection
from support.workers.orchestrator import Orchestrator

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


@pytest.fixture(autouse=True)
def at_once(orchestrator: Orchestrator) -> None:
    orchestrator.settings = AT_ONCE


def given(**beside: Any) -> GivenMessage:
    return GivenMessage(side=Side.OPPONENT, content="hello", **beside)


def poisoned(marker: GivenMessage, **fields: Any) -> Run:
    return run(played=scenario(given=(marker,), message_limit=3), **fields)


STORED_BY_AN_OLDER_VERSION = {
    "parts": given(parts=({"type": "image", "url": LARGE},)),
    "numbers that grow": given(parts=({"d": [1e15] * 200_000},)),
    "tool calls": given(tool_calls=(ToolCall(id="c", name="t", input=LARGE),)),
    "text": GivenMessage(side=Side.OPPONENT, content="\U0001f600" * 400_000),
}


@pytest.mark.parametrize("marker", STORED_BY_AN_OLDER_VERSION.values(), ids=STORED_BY_AN_OLDER_VERSION.keys())
async def test_run_with_a_message_over_the_brokers_payload_is_played(
    orchestrator: Orchestrator, marker: GivenMessage
) -> None:
    ended = await orchestrator.played(poisoned(marker))
    assert ended.status is RunStatus.COMPLETE
    first = next(event for event in await orchestrator.events(ended) if event.type == "message")
    assert first.fields["truncated"] is True


async def test_run_whose_messages_cannot_be_told_ends_by_error_and_delays_nobody(
    orchestrator: Orchestrator, fresh_nats_url: str
) -> None:
    """A broker that takes less than ours: nothing the engine knows beforehand."""
    async with own_connection(fresh_nats_url) as narrow:
        narrow._max_payload = SMALL_PAYLOAD
        orchestrator.own_publisher = Publisher(narrow)
        async with orchestrator.playing():
            bad = [await orchestrator.start(poisoned(given(parts=({"a": "x" * 8_000},)))) for _ in range(5)]
            good = await orchestrator.start(run(played=scenario(message_limit=2)))
            assert (await orchestrator.at_rest(good.id)).status is RunStatus.COMPLETE
            for one in bad:
                assert (await orchestrator.at_rest(one.id)).status is RunStatus.FAILED
                assert await orchestrator.causes(one) == [(EndedReason.ERROR, "not_storable")]


async def test_what_cannot_be_stored_ends_its_conversation_and_is_not_tried_again(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert, tried = orchestrator.store.entries.insert, Counter[str]()

    async def refuses(entry: Any) -> None:
        if entry.content == WORDS:
            tried[entry.conversation_id] += 1
            raise NotStorable("a large text")
        await insert(entry)

    monkeypatch.setattr(orchestrator.store.entries, "insert", refuses)
    ended = await orchestrator.played(poisoned(GivenMessage(side=Side.OPPONENT, content=WORDS), total=2))
    assert (ended.status, ended.failed) == (RunStatus.FAILED, 2)
    assert await orchestrator.causes(ended) == [(EndedReason.ERROR, "not_storable")] * 2
    assert set(tried.values()) == {1}


async def test_cancel_ends_a_run_whose_messages_cannot_be_told(orchestrator: Orchestrator, fresh_nats_url: str) -> None:
    async with own_connection(fresh_nats_url) as narrow:
        narrow._max_payload = SMALL_PAYLOAD
        orchestrator.own_publisher = Publisher(narrow)
        started = await orchestrator.start(poisoned(given(parts=({"a": "x" * 8_000},))))
        await orchestrator.want(started.id, Wanted.CANCEL)
        async with orchestrator.playing():
            assert (await orchestrator.at_rest(started.id)).status is RunStatus.CANCELED


def fails(*_: Any) -> Any:
    raise KeyError(WORDS)


def decides(failing: Callable[[ConversationFacts], bool], seen: Counter[str]) -> Any:
    def spoiled(about: ConversationFacts, moment: Any) -> tuple[Effect, ...]:
        if about.ended is None and failing(about):
            seen[str(about.settings.seed)] += 1
            raise KeyError(WORDS)
        return decide(about, moment)

    return spoiled


async def test_conversation_our_code_fails_for_ends_alone_and_was_repeated_once(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three conversations: the look that begins the second fails. The others are played as ever."""
    seen = Counter[str]()
    monkeypatch.setattr(conversations, "decide", decides(lambda about: about.settings.seed == 2, seen))
    async with orchestrator.playing():
        started = await orchestrator.start(run(total=3, concurrency=3, played=scenario(message_limit=2)))
        ended = await orchestrator.at_rest(started.id)
    assert (ended.status, ended.completed, ended.failed) == (RunStatus.COMPLETE, 2, 1)
    assert await orchestrator.causes(started) == [
        (EndedReason.LIMIT, None),
        (EndedReason.ERROR, "internal"),
        (EndedReason.LIMIT, None),
    ]
    (letter,) = await orchestrator.workers.broker.dead_letters()
    assert (letter["type"], letter["runId"], letter["failure"]["code"]) == ("look.given-up", started.id, "internal")
    assert "test_given_up.py" in letter["traceback"]
    assert WORDS not in str(letter)
    # The look, its one repetition, and the one that ends it.
    assert seen["2"] <= 3


async def test_conversation_our_code_fails_for_in_its_middle_ends_by_error(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trigger is a done, which names its conversation."""
    seen = Counter[str]()
    monkeypatch.setattr(conversations, "decide", decides(lambda about: about.messages == 2, seen))
    async with orchestrator.playing():
        started = await orchestrator.start(run(total=2, concurrency=1, played=scenario(message_limit=4)))
        ended = await orchestrator.at_rest(started.id)
    assert (ended.status, ended.failed) == (RunStatus.FAILED, 2)
    assert await orchestrator.causes(started) == [(EndedReason.ERROR, "internal")] * 2
    assert {letter["trigger"] for letter in await orchestrator.workers.broker.dead_letters()} == {
        "llm.done.orchestrator"
    }
    assert max(seen.values()) <= 2


async def test_run_whose_conversations_cannot_even_be_closed_ends_as_it_stands(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "decide", fails)
    async with orchestrator.playing():
        started, canceled = await orchestrator.start(run(total=2)), await orchestrator.start(run())
        ended = await orchestrator.at_rest(started.id)
        assert ended.error is not None
        assert (ended.status, ended.error.code) == (RunStatus.FAILED, "internal")
        await orchestrator.at_rest(canceled.id)
        # Nothing is left that a sweep would find.
        await orchestrator.sweeper.sweep()
        assert orchestrator.sweeper.looks.total() == 0
    assert [end.ended_reason for end in await orchestrator.ends(started)] == [EndedReason.ERROR] * 2


async def test_end_that_was_not_told_before_a_death_is_told(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was ended as it stood, by somebody who died then; the trigger, a done, comes again."""
    seen = Counter[str]()
    monkeypatch.setattr(conversations, "decide", decides(lambda _: True, seen))
    async with orchestrator.playing(runner=False):
        begun = run()
        await orchestrator.store.runs.insert(begun)
        await orchestrator.store.conversations.insert(conversation(begun))
        await orchestrator.store.runs.abandon(begun.id, Failure(code="internal", message="It failed."), now())
        done = GenerationStored(
            run_id=begun.id, at=now(), conversation_id=begun.conversation_id(1), purpose=Purpose.TURN
        )
        await orchestrator.client.jetstream().publish(subjects.DONE_ORCHESTRATOR, done.to_json())
        await orchestrator.at_rest(begun.id)
    assert [event.type for event in await orchestrator.events(begun)][-1] == "run.ended"


async def test_cancel_ends_what_cannot_be_looked_at(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await orchestrator.start(run())
    await orchestrator.want(started.id, Wanted.CANCEL)
    monkeypatch.setattr(conversations, "decide", fails)
    async with orchestrator.playing():
        ended = await orchestrator.at_rest(started.id)
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
    orchestrator: Orchestrator, odd: dict[str, Any], wanted: Wanted | None
) -> None:
    async with orchestrator.playing():
        spoiled, left = run(), run()
        await orchestrator.store.runs.insert(spoiled)
        await orchestrator.store.runs.insert(left)
        if wanted is not None:
            await orchestrator.store.runs.set_wanted(ANYBODY, spoiled.id, wanted, 1, now())
        orchestrator.store.runs._assignments.forget(spoiled.id)
        await orchestrator.store.collection("runs").update_one({"_id": spoiled.id}, {"$set": odd})
        await orchestrator.sweeper.sweep()
        assert (await orchestrator.at_rest(left.id)).status is RunStatus.COMPLETE

        async def ended() -> bool:
            document = await orchestrator.store.collection("runs").find_one({"_id": spoiled.id}) or {}
            return document["status"] == ("canceled" if wanted else "failed") and document["ended_at"] is not None

        await eventually(ended, "its end")
        await orchestrator.workers.broker.at_rest()
        before = orchestrator.sweeper.looks.total()
        await orchestrator.sweeper.sweep()
        assert orchestrator.sweeper.looks.total() == before


async def test_chat_nobody_can_read_keeps_no_other_from_being_forgotten(orchestrator: Orchestrator) -> None:
    long_ago = now() - timedelta(days=40)
    spoiled, left = (run(kind=RunKind.CHAT, expires_at=long_ago, asked_seq=1, asked_at=now()) for _ in range(2))
    for one in (spoiled, left):
        await orchestrator.store.runs.insert(one)
        await orchestrator.store.runs.finish(one.id, RunStatus.COMPLETE, now(), report_ready=False)
    await orchestrator.store.collection("runs").update_one(
        {"_id": spoiled.id}, {"$set": {"budget": None, "ended_at": None}}
    )
    orchestrator.settings = AT_ONCE.model_copy(update={"forgetting_seconds": 0})
    await orchestrator.sweeper.sweep()
    assert await orchestrator.store.collection("runs").count_documents({}) == 0


async def test_chat_our_code_fails_for_is_answered_that_it_failed_and_goes_on(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with orchestrator.playing(runner=False):
        chat = run(kind=RunKind.CHAT, played=scenario(given=(given(),), message_limit=1000, judge=None))
        seen = Counter[str]()
        monkeypatch.setattr(conversations, "decide", decides(lambda about: about.unanswered, seen))
        monkeypatch.setattr(conversations, "proven_by_command", lambda *_: None)
        await orchestrator.store.runs.insert(chat)
        await orchestrator.store.conversations.insert(conversation(chat).model_copy(update={"id": chat.id}))
        await orchestrator.store.entries.insert(message(chat.id, 1))
        await orchestrator.store.runs.ask(ANYBODY, chat.id, 1, now(), now() + timedelta(days=1))
        await orchestrator.command(chat.id, 1)
        await eventually(lambda: orchestrator.store.entries.at(chat.id, 2), "an answer")
        await orchestrator.workers.broker.at_rest()
        found = await orchestrator.run(chat.id)
        # Nobody finds it unanswered, and it is not over.
        assert (found.current_turn, found.ended_at) == (2, None)
    answer = await orchestrator.store.entries.at(chat.id, 2)
    assert answer is not None
    assert answer.error is not None
    assert (answer.finish_reason, answer.error.code) == ("error", "internal")
    assert [event.fields["seq"] for event in await orchestrator.events(chat) if event.type == "message"] == [1, 2]


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


async def test_messages_of_nobody_do_no_harm(orchestrator: Orchestrator) -> None:
    async with orchestrator.playing():
        for subject in (subjects.COMMANDS, subjects.DONE_ORCHESTRATOR):
            for payload in UNREADABLE.values():
                await orchestrator.client.jetstream().publish(subject, payload)
        started = await orchestrator.start(run())
        assert (await orchestrator.at_rest(started.id)).status is RunStatus.COMPLETE
    # All but those of runs that are not there: somebody may have forgotten them.
    assert len(await orchestrator.workers.broker.dead_letters()) >= 2 * (len(UNREADABLE) - 4)


async def test_letter_of_a_chats_command_holds_no_word_of_it(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunLooks, "on_command", fails)
    question = message(new_id(), 1, WORDS)
    command = RunCommanded(run_id=question.run_id, at=now(), message_seq=1, stored_at=now(), question=question)
    await orchestrator.publisher.work(command)
    async with orchestrator.playing():
        await orchestrator.workers.broker.at_rest()
    (letter,) = await orchestrator.workers.broker.dead_letters()
    assert (letter["failure"]["code"], orjson.loads(letter["payload"])["question"]) == ("internal", None)
    assert WORDS not in str(letter)
