"""Whole runs through the orchestrator's looks, on real servers; `Stage.ended` checks every invariant."""

import asyncio

import pytest
from nats.aio.client import Client

from integration.orchestrator.scripts import Held, failing_at, found_at, judged
from integration.orchestrator.stage import stage
from integration.orchestrator.stand_ins import Answer, small_talk
from invariants import events_of
from shared.contracts.enums import EndedReason, JudgementStatus, Purpose, RunStatus, Side
from shared.contracts.events import RunStarted
from shared.contracts.settings import GivenMessage
from shared.contracts.work import GenerationRequested
from shared.storage import Store
from support.builders import JUDGE, run, scenario
from support.eventually import eventually

TWO_JUDGES = JUDGE.model_copy(update={"strong_model": "demo-premium"})
COMPLETE = JudgementStatus.COMPLETE


async def test_scale_run_plays_every_conversation_to_its_limit(store: Store, client: Client) -> None:
    async with stage(store, client) as played, played.playing():
        started = await played.start(run(total=3, concurrency=2, played=scenario(message_limit=4)))
        ended = await played.ended(started.id)
    assert (ended.status, ended.completed, ended.failed) == (RunStatus.COMPLETE, 3, 0)
    assert await played.texts(ended) == [
        [f"{ended.id}-{index} says {seq}" for seq in range(1, 5)] for index in (1, 2, 3)
    ]
    assert set(played.runner.calls.values()) == {1}
    first = (await events_of(client, ended.id))[0]
    assert RunStarted.model_validate(first.fields).models == ended.settings.models
    assert [one["role"] for one in first.fields["models"]] == ["agent", "opponent"]


@pytest.mark.parametrize("judge", [JUDGE, TWO_JUDGES], ids=["one stage", "two stages"])
async def test_judgement_that_confirms_the_goal_ends_with_the_message_judged(
    store: Store, client: Client, judge: object
) -> None:
    script = judged({(4, "fast"): COMPLETE, (4, "strong"): COMPLETE})
    async with stage(store, client, script) as played, played.playing():
        started = await played.start(run(played=scenario(message_limit=8, judge=judge)))  # type: ignore[arg-type]
        ended = await played.ended(started.id)
    assert ended.outcome is not None
    assert (ended.outcome.ended_reason, ended.outcome.goal_reached) == (EndedReason.GOAL, True)
    end = (await played.transcripts(ended))[0][-1]
    assert end.decided_by == 4
    assert end.seq in (5, 6)


async def test_strong_judge_that_disagrees_lets_the_conversation_go_on(store: Store, client: Client) -> None:
    script = judged({(2, "fast"): COMPLETE})
    async with stage(store, client, script) as played, played.playing():
        started = await played.start(run(played=scenario(message_limit=4, judge=TWO_JUDGES)))
        ended = await played.ended(started.id)
    assert ended.outcome is not None
    assert (ended.outcome.ended_reason, ended.outcome.goal_reached) == (EndedReason.LIMIT, False)
    stages = [one.id.partition(":")[2] for one in await store.generations.of_run(ended.id)]
    assert stages == ["2:judge:fast", "2:judge:strong", "4:judge:fast", "4:judge:strong"]


async def test_judge_that_does_not_parse_is_asked_once_more(store: Store, client: Client) -> None:
    script = judged({(2, "fast"): None, (2, "fast-repair"): None})
    async with stage(store, client, script) as played, played.playing():
        started = await played.start(run(played=scenario(message_limit=2, judge=JUDGE)))
        ended = await played.ended(started.id)
    assert ended.outcome is not None
    assert ended.outcome.ended_reason is EndedReason.LIMIT
    stages = [one.id.partition(":")[2] for one in await store.generations.of_run(ended.id)]
    assert stages == ["2:judge:fast", "2:judge:fast-repair"]


async def test_opponent_replies_while_the_agent_is_judged(store: Store, client: Client) -> None:
    replied = asyncio.Event()

    async def script(job: GenerationRequested) -> Answer:
        if job.purpose is Purpose.JUDGE and job.seq == 2:
            await replied.wait()
        if job.purpose is Purpose.TURN and job.seq == 3:
            replied.set()
        return await small_talk(job)

    async with stage(store, client, script) as played, played.playing():
        started = await played.start(run(played=scenario(message_limit=4, judge=JUDGE)))
        ended = await played.ended(started.id)
    assert len((await played.texts(ended))[0]) == 4


@pytest.mark.parametrize("after_the_run", [False, True], ids=["before the run ends", "after the run has ended"])
async def test_reply_that_comes_after_the_goal_is_booked_and_counts_for_nothing(
    store: Store, client: Client, after_the_run: bool
) -> None:
    reply = Held(seq=3)

    async def script(job: GenerationRequested) -> Answer:
        if job.purpose is Purpose.JUDGE:
            await reply.reached.wait()
            return Answer("{}", status=COMPLETE)
        return await reply(job)

    async with stage(store, client, script) as played, played.playing():
        started = await played.start(run(total=1, played=scenario(message_limit=8, judge=JUDGE)))

        async def over() -> bool:
            seen = await played.run(started.id)
            return seen.end_sequence is not None if after_the_run else seen.outcome is not None

        await eventually(over, "the end by goal")
        reply.released.set()
        ended = await played.ended(started.id)
    assert [entry.kind for entry in (await played.transcripts(ended))[0]] == ["message", "message", "ended"]
    assert [row.outcome for row in await store.usage.of_run(ended.id)] == ["beaten"]


async def test_message_that_fails_for_good_ends_the_run_as_failed(store: Store, client: Client) -> None:
    async with stage(store, client, failing_at(2)) as played, played.playing():
        started = await played.start(run(total=2))
        ended = await played.ended(started.id)
    assert (ended.status, ended.completed, ended.failed) == (RunStatus.FAILED, 0, 2)
    end = (await played.transcripts(ended))[0][-1]
    assert end.ended_reason is EndedReason.ERROR
    assert end.error is not None
    assert end.error.code == "provider_error"


@pytest.mark.parametrize("finding", [EndedReason.REFUSAL, EndedReason.REPETITION])
async def test_what_code_finds_in_an_agent_message_ends_the_conversation(
    store: Store, client: Client, finding: EndedReason
) -> None:
    async with stage(store, client, found_at(2, finding)) as played, played.playing():
        started = await played.start(run())
        ended = await played.ended(started.id)
    end = (await played.transcripts(ended))[0][-1]
    assert (end.seq, end.ended_reason, end.decided_by) == (3, EndedReason(finding), 2)


@pytest.mark.parametrize("judge", [None, JUDGE], ids=["unjudged", "judged"])
async def test_budget_that_runs_out_ends_every_conversation(store: Store, client: Client, judge: object) -> None:
    async with stage(store, client) as played, played.playing():
        wanted = run(total=3, played=scenario(message_limit=20, judge=judge), budget_nanos=3_000_000)  # type: ignore[arg-type]
        started = await played.start(wanted)
        ended = await played.ended(started.id)
    ends = [entries[-1].ended_reason for entries in await played.transcripts(ended)]
    assert set(ends) == {EndedReason.BUDGET}
    assert ended.budget.spent <= ended.budget.max


async def test_budget_of_nothing_ends_before_the_first_call(store: Store, client: Client) -> None:
    async with stage(store, client) as played, played.playing():
        started = await played.start(run(total=5, concurrency=1, budget_nanos=1))
        ended = await played.ended(started.id)
    assert (ended.status, ended.completed) == (RunStatus.COMPLETE, 5)
    assert not played.runner.calls


async def test_given_messages_stand_at_the_head_and_cost_nothing(store: Store, client: Client) -> None:
    given = (GivenMessage(side=Side.OPPONENT, content="I want a refund"),)
    async with stage(store, client) as played, played.playing():
        started = await played.start(run(total=2, played=scenario(message_limit=2, given=given)))
        ended = await played.ended(started.id)
    assert [texts[0] for texts in await played.texts(ended)] == ["I want a refund"] * 2
    assert sum(played.runner.calls.values()) == 2
