"""Chats on the real orchestrator and the real llm-runner: every message of a person gets its one answer."""

import asyncio
from datetime import timedelta

import pytest

from llm_runner.orphans import RENEWED_SECONDS
from llm_runner.settings import CallSettings
from orchestrator.settings import OrchestratorSettings
from orchestrator.sweeper import Sweeper
from shared.contracts import subjects
from shared.contracts.enums import EntryKind, Lane, Purpose, RunKind, Side, Wanted
from shared.contracts.runs import Budget
from shared.contracts.timestamps import now
from shared.contracts.transcript import ToolResult
from shared.messaging import history
from support.builders import AGENT, job
from support.eventually import eventually
from support.workers.chats import Chat, begin, chat_run, chat_settings
from support.workers.environment import LOG, WorkerEnvironment
from support.workers.orchestrator import Orchestrator

IMPATIENT = OrchestratorSettings(unanswered_seconds=0.2, control_grace_seconds=0.2, silence_check_seconds=0)


def impatient(workers: WorkerEnvironment, **settings: float) -> Sweeper:
    wanted = IMPATIENT.model_copy(update=settings)
    return Sweeper(workers.store, workers.publisher, workers.client, wanted, LOG)


async def streaming(chat: Chat, seq: int) -> None:
    """Returns when text of the answer at `seq` has come."""

    async def came() -> bool:
        return any(delta["seq"] == seq for delta in await chat.workers.broker.deltas(chat.id))

    await eventually(came, f"text of answer {seq}")


async def test_every_message_is_answered(orchestrator: Orchestrator) -> None:
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings("Hello, my kettle is broken."))
        first = await chat.answer(2)
        third = await chat.say("The order number is 4711.")
        second = await chat.answer(third + 1)
        await chat.at_rest()
    assert (first.side, second.side, second.seq) == (Side.AGENT, Side.AGENT, 4)
    assert all(entry.content for entry in await chat.entries())
    run = await orchestrator.run(chat.id)
    assert (run.current_turn, run.ended_at, run.asked_seq) == (4, None, 3)
    assert await chat.told() == [1, 2, 3, 4]
    assert run.usage.cost_nanos == sum(entry.usage.cost_nanos for entry in await chat.entries()) > 0


async def test_a_message_of_a_chat_without_a_bound_writes_no_account_before_its_answer(
    orchestrator: Orchestrator,
) -> None:
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings("Hello, my kettle is broken."))
        await chat.answer(2)
        await chat.at_rest()
    before = await orchestrator.run(chat.id)
    await chat.say("The order number is 4711.")
    job = await orchestrator.taken_job(Lane.LIVE)
    asked = await orchestrator.run(chat.id)
    assert (job.seq, job.question and job.question.content) == (4, "The order number is 4711.")
    assert (asked.budget, asked.event_sequence) == (before.budget, before.event_sequence)


async def test_a_taken_back_answer_is_written_anew_and_seen_by_nobody(orchestrator: Orchestrator) -> None:
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings("Tell me a story about a kettle."))
        await chat.answer(2)
        regenerated = await chat.answer(await chat.rewind(to=1) + 1)
        edited = await chat.say("Tell me one about a lamp.", told=await chat.rewind(to=0, told=False) == 5)
        last = await chat.answer(edited + 1)
        await chat.at_rest()
    kinds = ["message", "message", "rewind", "message", "rewind", "message", "message"]
    assert [entry.kind for entry in await chat.entries()] == kinds
    assert await chat.said() == ["Tell me one about a lamp.", last.content]
    assert regenerated.seq == 4
    # What was taken back was in no prompt: the last one holds the system prompt and one message, as the first did.
    assert abs(last.usage.prompt_tokens - regenerated.usage.prompt_tokens) <= 2


async def test_a_stopped_answer_is_what_had_come(orchestrator: Orchestrator) -> None:
    await orchestrator.workers.model.control(totalSeconds=30, wordsPerChunk=1)
    orchestrator.workers.calls = CallSettings()
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings("Tell me everything."))
        await streaming(chat, 2)
        await chat.stop(2)
        stopped = await chat.answer(2)
        await orchestrator.workers.model.control(totalSeconds=0.01)
        # A stop means the answer it names, not one that comes after it.
        after = await chat.answer(await chat.say("And in short?") + 1)
        await chat.at_rest()
    assert stopped.finish_reason == "stopped"
    assert stopped.content
    assert after.finish_reason == "stop"
    first, *_ = await orchestrator.workers.calls_made()
    assert first["outcome"] == "client_closed"


async def test_a_stop_before_the_call_costs_nothing(orchestrator: Orchestrator) -> None:
    chat = await begin(orchestrator, chat_settings("Tell me everything."))
    await chat.stop(2)
    async with orchestrator.workers.runner():
        stopped = await chat.answer(2)
        await chat.at_rest()
    assert (stopped.content, stopped.finish_reason, stopped.usage.cost_nanos) == ("", "stopped", 0)
    assert await orchestrator.workers.calls_made() == []


async def test_a_message_that_travels_is_told_also_where_its_answer_needs_no_call(orchestrator: Orchestrator) -> None:
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings("Hello."))
        await chat.answer(2)
        await chat.at_rest()
    seq = await chat.say("Are you there?")
    await orchestrator.give_job_back(Lane.LIVE)
    await chat.stop(seq + 1, signalled=False)
    async with orchestrator.workers.runner():
        assert (await chat.answer(seq + 1)).finish_reason == "stopped"
        await chat.at_rest()
    told = await chat.events("message", "attempt.started")
    assert told[-3:] == [("message", 2), ("message", 3), ("message", 4)]


async def test_a_message_is_told_before_anything_of_its_answer(orchestrator: Orchestrator) -> None:
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings("Hello."))
        await chat.answer(2)
        await chat.answer(await chat.say("Are you there?") + 1)
        await chat.at_rest()
    told = await chat.events("message", "attempt.started")
    assert told[-3:] == [("message", 3), ("attempt.started", 4), ("message", 4)]


async def test_a_stop_after_the_answer_changes_nothing(orchestrator: Orchestrator) -> None:
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings("Good day."))
        answer = await chat.answer(2)
        await chat.stop(2)
        await chat.at_rest()
        later = await chat.answer(await chat.say("Are you there?") + 1)
    assert [entry.finish_reason for entry in (answer, later)] == ["stop", "stop"]


async def test_a_stop_whose_signal_was_lost_is_seen_by_the_heartbeat(orchestrator: Orchestrator) -> None:
    await orchestrator.workers.model.control(totalSeconds=30, wordsPerChunk=1)
    orchestrator.workers.calls = CallSettings()
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings("Tell me everything."))
        await streaming(chat, 2)
        await chat.stop(2, signalled=False)
        stopped = await chat.answer(2)
    assert stopped.finish_reason == "stopped"
    assert stopped.content


async def test_an_answer_nobody_reads_is_not_paid_to_its_end(orchestrator: Orchestrator) -> None:
    """One is read for a while, one never; both end, the first one later, and a third goes on: it needs no reader."""
    await orchestrator.workers.model.control(totalSeconds=40, wordsPerChunk=1)
    orchestrator.workers.calls = CallSettings()
    async with orchestrator.workers.runner():
        read, unread = [
            await begin(orchestrator, chat_settings("Tell me.", orphan_seconds=0), RunKind.ASSIST) for _ in range(2)
        ]
        needs_none = await begin(orchestrator, chat_settings("Tell me."))
        for chat in (read, unread, needs_none):
            await streaming(chat, 2)
        lease = asyncio.create_task(_renewed(read, times=3))
        orphan = await unread.answer(2)
        assert len(await read.entries()) == 1
        await lease
        assert (await read.answer(2)).finish_reason == orphan.finish_reason == "stopped"
        assert len(await needs_none.entries()) == 1
        await needs_none.stop(2)
        await needs_none.answer(2)


async def _renewed(chat: Chat, times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(RENEWED_SECONDS)
        await chat.workers.store.readers.renew([chat.id], now())


async def test_tools_are_asked_for_and_their_results_answered(orchestrator: Orchestrator) -> None:
    tools = ({"type": "function", "function": {"name": "order_status", "parameters": {"type": "object"}}},)
    agent = AGENT.model_copy(update={"tools": tools})
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings("Use the tool order_status for 4711.", agent=agent))
        asked = await chat.answer(2)
        (call,) = asked.tool_calls
        results = (ToolResult(tool_call_id=call.id, output='{"status": "lost in the post"}'),)
        told = await chat.answer(await chat.say("", tool_results=results) + 1)
        await chat.at_rest()
    assert (asked.finish_reason, call.name) == ("tool-calls", "order_status")
    started = [event for event in await orchestrator.workers.broker.facts(chat.id) if event["type"] == "tool.started"]
    assert [(event["toolCallId"], event["seq"]) for event in started] == [(call.id, 2)]
    assert "lost in the post" in (told.content or "")


async def test_a_chat_out_of_attempts_is_answered_with_the_error(orchestrator: Orchestrator) -> None:
    agent = AGENT.model_copy(update={"model": "demo-fast+500"})
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings("Hello?", agent=agent))
        failed = await chat.answer(2)
        again = await chat.answer(await chat.say("Hello again?") + 1)
        await chat.at_rest()
    for answer in (failed, again):
        assert (answer.finish_reason, answer.content) == ("error", "")
        assert answer.error is not None
        assert answer.error.code == "provider_error"


@pytest.mark.parametrize(
    ("provider", "budget", "code"), [("demo", 0, "budget_exceeded"), ("gone", 10**15, "invalid_model")]
)
async def test_what_cannot_be_asked_for_is_said_in_an_answer(
    orchestrator: Orchestrator, provider: str, budget: int, code: str
) -> None:
    wanted = chat_run(chat_settings("Hello?", agent=AGENT.model_copy(update={"provider": provider})))
    await orchestrator.start(wanted.model_copy(update={"budget": Budget(max=budget)}))
    chat = Chat(orchestrator, wanted.id)
    refused = await chat.answer(2)
    await chat.at_rest()
    assert refused.error is not None
    assert (refused.finish_reason, refused.error.code) == ("error", code)
    assert (await orchestrator.run(chat.id)).current_turn == 2
    assert await chat.told() == [1, 2]


async def test_a_deleted_chat_ends(orchestrator: Orchestrator) -> None:
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings("Hello?"))
        await chat.answer(2)
        await chat.say("Are you there?", told=False)
        await orchestrator.want(chat.id, Wanted.CANCEL)
        await orchestrator.ended(chat.id)
    *_, last = await chat.entries()
    assert last.kind is EntryKind.ENDED


async def test_a_message_whose_gateway_died_is_found_by_the_sweeper(orchestrator: Orchestrator) -> None:
    """Between the insert and the command."""
    sweeper = impatient(orchestrator.workers)

    async def swept(chat: Chat, seq: int) -> bool:
        await sweeper.sweep()
        return await orchestrator.store.entries.at(chat.id, seq) is not None

    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings("Hello?"))
        await chat.answer(2)
        await chat.at_rest()
        seq = await chat.say("Are you there?", told=False)
        await eventually(lambda: swept(chat, seq + 1), "the answer of a message nobody was told of")
        await chat.at_rest()
    assert sweeper.looks["unanswered message"] >= 1
    assert await chat.told() == [1, 2, 3, 4]


async def test_a_job_that_was_put_off_hides_its_own_answer_and_no_other(orchestrator: Orchestrator) -> None:
    """A stopped answer's job stays with the broker for as long as its provider asked for."""
    sweeper = impatient(orchestrator.workers)

    async def put_off(seq: int) -> None:
        later = job(chat.id, seq, Purpose.CHAT)
        await orchestrator.workers.publisher.scheduled(later, now() + timedelta(hours=1), f"{later.key}:later")

    async def looked() -> bool:
        await sweeper.sweep()
        return sweeper.looks["unanswered message"] > 0

    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings("Hello?"))
        await chat.answer(2)
        await chat.at_rest()
    await put_off(2)
    seq = await chat.say("Are you there?", told=False)
    await put_off(seq + 1)
    await asyncio.sleep(2 * IMPATIENT.unanswered_seconds)
    assert not await looked()
    await orchestrator.client.jetstream().purge_stream(subjects.WORK, subject=f"later.{chat.id}:{seq + 1}:chat")
    await eventually(looked, "a look at the unanswered message")


async def test_what_is_not_kept_for_ever_is_forgotten(orchestrator: Orchestrator) -> None:
    """A chat that has not ended is ended first."""
    store = orchestrator.store
    sweeper = impatient(orchestrator.workers, forgetting_seconds=0.0)
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings("Hello?"))
        kept = await begin(orchestrator, chat_settings("Hello?"))
        assist = await begin(
            orchestrator, chat_settings("Hello?").model_copy(update={"message_limit": 2}), RunKind.ASSIST
        )
        for one in (chat, kept, assist):
            await one.answer(2)
        for one in (chat, assist):
            await store.collection("runs").update_one({"_id": one.id}, {"$set": {"expires_at": now()}})

        async def forgotten() -> bool:
            await sweeper.sweep()
            return await store.runs.get(chat.id) is None and await store.runs.get(assist.id) is None

        await eventually(forgotten, "the chat that was to be forgotten")
        await kept.at_rest()
    for one in (chat, assist):
        for collection in ("entries", "generations", "usage"):
            assert await store.collection(collection).count_documents({"conversation_id": one.id}) == 0
        assert await store.conversations.get(one.id) is None
        told = history.read(orchestrator.client, subjects.RUN_EVENTS, subjects.everything(one.id))
        assert [stored.subject async for stored in told] == []
    assert len(await kept.entries()) == 2
    assert await history.last(orchestrator.client, subjects.RUN_EVENTS, subjects.everything(kept.id)) is not None
