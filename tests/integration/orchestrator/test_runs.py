"""Whole runs through the orchestrator's looks, on real servers; `Orchestrator.ended` checks every invariant."""

import asyncio

import pytest

from shared.contracts.enums import EndedReason, JudgementStatus, Purpose, RunStatus, Side
from shared.contracts.events import RunStarted
from shared.contracts.settings import GivenMessage, JudgeSettings
from shared.contracts.work import GenerationRequested
from support.builders import JUDGE, run, scenario
from support.eventually import eventually
from support.workers.orchestrator import Orchestrator
from support.workers.scripted_runner import Answer, small_talk
from support.workers.scripts import Held, failing_at, found_at, judged

TWO_JUDGES = JUDGE.model_copy(update={"strong_model": "demo-premium"})
COMPLETE = JudgementStatus.COMPLETE


async def test_scale_run_plays_every_conversation_to_its_limit(orchestrator: Orchestrator) -> None:
    ended = await orchestrator.played(run(total=3, concurrency=2, played=scenario(message_limit=4)))
    assert (ended.status, ended.completed, ended.failed) == (RunStatus.COMPLETE, 3, 0)
    assert await orchestrator.texts(ended) == [
        [f"{ended.id}-{index} says {seq}" for seq in range(1, 5)] for index in (1, 2, 3)
    ]
    assert set(orchestrator.runner.calls.values()) == {1}
    first = (await orchestrator.events(ended))[0]
    assert RunStarted.model_validate(first.fields).models == ended.settings.models
    assert [one["role"] for one in first.fields["models"]] == ["agent", "opponent"]


@pytest.mark.parametrize("judge", [JUDGE, TWO_JUDGES], ids=["one stage", "two stages"])
async def test_judgement_that_confirms_the_goal_ends_with_the_message_judged(
    orchestrator: Orchestrator, judge: JudgeSettings
) -> None:
    orchestrator.script = judged({(4, "fast"): COMPLETE, (4, "strong"): COMPLETE})
    ended = await orchestrator.played(run(played=scenario(message_limit=8, judge=judge)))
    assert ended.outcome is not None
    assert (ended.outcome.ended_reason, ended.outcome.goal_reached) == (EndedReason.GOAL, True)
    (end,) = await orchestrator.ends(ended)
    assert end.decided_by == 4
    assert end.seq in (5, 6)


async def test_strong_judge_that_disagrees_lets_the_conversation_go_on(orchestrator: Orchestrator) -> None:
    orchestrator.script = judged({(2, "fast"): COMPLETE})
    ended = await orchestrator.played(run(played=scenario(message_limit=4, judge=TWO_JUDGES)))
    assert ended.outcome is not None
    assert (ended.outcome.ended_reason, ended.outcome.goal_reached) == (EndedReason.LIMIT, False)
    stages = [one.id.partition(":")[2] for one in await orchestrator.store.generations.of_run(ended.id)]
    assert stages == ["2:judge:fast", "2:judge:strong", "4:judge:fast", "4:judge:strong"]


async def test_judge_that_does_not_parse_is_asked_once_more(orchestrator: Orchestrator) -> None:
    orchestrator.script = judged({(2, "fast"): None, (2, "fast-repair"): None})
    ended = await orchestrator.played(run(played=scenario(message_limit=2, judge=JUDGE)))
    assert ended.outcome is not None
    assert ended.outcome.ended_reason is EndedReason.LIMIT
    stages = [one.id.partition(":")[2] for one in await orchestrator.store.generations.of_run(ended.id)]
    assert stages == ["2:judge:fast", "2:judge:fast-repair"]


async def test_opponent_replies_while_the_agent_is_judged(orchestrator: Orchestrator) -> None:
    replied = asyncio.Event()

    async def script(job: GenerationRequested) -> Answer:
        if job.purpose is Purpose.JUDGE and job.seq == 2:
            await replied.wait()
        if job.purpose is Purpose.TURN and job.seq == 3:
            replied.set()
        return await small_talk(job)

    orchestrator.script = script
    ended = await orchestrator.played(run(played=scenario(message_limit=4, judge=JUDGE)))
    assert len((await orchestrator.texts(ended))[0]) == 4


@pytest.mark.parametrize("after_the_run", [False, True], ids=["before the run ends", "after the run has ended"])
async def test_reply_that_comes_after_the_goal_is_booked_and_counts_for_nothing(
    orchestrator: Orchestrator, after_the_run: bool
) -> None:
    reply = Held(seq=3)

    async def script(job: GenerationRequested) -> Answer:
        if job.purpose is Purpose.JUDGE:
            await reply.reached.wait()
            return Answer("{}", status=COMPLETE)
        return await reply(job)

    orchestrator.script = script
    async with orchestrator.playing():
        started = await orchestrator.start(run(total=1, played=scenario(message_limit=8, judge=JUDGE)))

        async def over() -> bool:
            seen = await orchestrator.run(started.id)
            return seen.end_sequence is not None if after_the_run else seen.outcome is not None

        await eventually(over, "the end by goal")
        reply.released.set()
        ended = await orchestrator.ended(started.id)
    assert [entry.kind for entry in (await orchestrator.transcripts(ended))[0]] == ["message", "message", "ended"]
    assert [row.outcome for row in await orchestrator.store.usage.of_run(ended.id)] == ["beaten"]


async def test_message_that_fails_for_good_ends_the_run_as_failed(orchestrator: Orchestrator) -> None:
    orchestrator.script = failing_at(2)
    ended = await orchestrator.played(run(total=2))
    assert (ended.status, ended.completed, ended.failed) == (RunStatus.FAILED, 0, 2)
    assert await orchestrator.causes(ended) == [(EndedReason.ERROR, "provider_error")] * 2


@pytest.mark.parametrize("finding", [EndedReason.REFUSAL, EndedReason.REPETITION])
async def test_what_code_finds_in_an_agent_message_ends_the_conversation(
    orchestrator: Orchestrator, finding: EndedReason
) -> None:
    orchestrator.script = found_at(2, finding)
    ended = await orchestrator.played(run())
    (end,) = await orchestrator.ends(ended)
    assert (end.seq, end.ended_reason, end.decided_by) == (3, EndedReason(finding), 2)


@pytest.mark.parametrize("judge", [None, JUDGE], ids=["unjudged", "judged"])
async def test_budget_that_runs_out_ends_every_conversation(
    orchestrator: Orchestrator, judge: JudgeSettings | None
) -> None:
    wanted = run(total=3, played=scenario(message_limit=20, judge=judge), budget_nanos=3_000_000)
    ended = await orchestrator.played(wanted)
    assert await orchestrator.causes(ended) == [(EndedReason.BUDGET, None)] * 3
    assert ended.budget.spent <= ended.budget.max


async def test_budget_of_nothing_ends_before_the_first_call(orchestrator: Orchestrator) -> None:
    ended = await orchestrator.played(run(total=5, concurrency=1, budget_nanos=1))
    assert (ended.status, ended.completed) == (RunStatus.COMPLETE, 5)
    assert not orchestrator.runner.calls


async def test_given_messages_stand_at_the_head_and_cost_nothing(orchestrator: Orchestrator) -> None:
    given = (GivenMessage(side=Side.OPPONENT, content="I want a refund"),)
    ended = await orchestrator.played(run(total=2, played=scenario(message_limit=2, given=given)))
    assert [texts[0] for texts in await orchestrator.texts(ended)] == ["I want a refund"] * 2
    assert sum(orchestrator.runner.calls.values()) == 2
