"""A later pass of a judge (a replay, a re-judge) decides nothing: only what it cost counts."""

import pytest

from shared.contracts import subjects
from shared.contracts.enums import EndedReason, JudgementStatus, Purpose, Stage
from shared.contracts.identity import generation_key
from shared.contracts.judgement import Judgement
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.work import GenerationStored, UsageAppeared
from support.builders import JUDGE, generation, run, scenario, usage_row
from support.eventually import eventually
from support.workers.orchestrator import Orchestrator
from support.workers.scripted_runner import PRICE
from support.workers.scripts import judged


async def judge_again(orchestrator: Orchestrator, of: Run, seq: int) -> None:
    """What llm-runner does with the job of a later pass that says the goal is reached."""
    conversation, stage_name = f"{of.id}-1", Stage.FAST
    judgement = Judgement(seq=seq, stage=stage_name, status=JudgementStatus.COMPLETE, confidence=1.0)
    made = {"content": "{}", "judgement": judgement, "attempt": "again", "usage": PRICE}
    stored = generation(conversation, seq, Purpose.JUDGE, stage_name, pass_number=1, **made)
    await orchestrator.store.generations.insert(stored)
    fields = stored.model_dump(include={"run_id", "conversation_id", "seq", "purpose", "stage", "pass_number"})
    done = GenerationStored(at=now(), stored_at=stored.created_at, judgement=judgement, first=True, **fields)
    await orchestrator.publisher.done(done, subjects.DONE_ORCHESTRATOR)


@pytest.fixture(autouse=True)
def undecided(orchestrator: Orchestrator) -> None:
    orchestrator.script = judged({})


async def counted(orchestrator: Orchestrator, before: Run) -> None:
    """Returns when the price of one call more than before is counted."""

    async def is_counted() -> bool:
        return (await orchestrator.run(before.id)).usage == before.usage + PRICE

    await eventually(is_counted, "what was bought after the end")


async def test_a_judgement_of_a_later_pass_ends_nothing(orchestrator: Orchestrator) -> None:
    started = await orchestrator.start(run(played=scenario(judge=JUDGE)))
    async with orchestrator.playing(runner=False):
        await orchestrator.first_job()
        await judge_again(orchestrator, started, 2)
        await orchestrator.first_job()
    async with orchestrator.playing():
        await orchestrator.ended(started.id)
    assert await orchestrator.causes(started) == [(EndedReason.LIMIT, None)]


async def test_a_judgement_after_the_end_changes_the_totals_and_no_fact(orchestrator: Orchestrator) -> None:
    async with orchestrator.playing():
        before = await orchestrator.ended((await orchestrator.start(run(played=scenario(judge=JUDGE)))).id)
        told = [event.type for event in await orchestrator.events(before)]
        await judge_again(orchestrator, before, 4)
        await counted(orchestrator, before)
        await orchestrator.ended(before.id)
        assert [event.type for event in await orchestrator.events(before)] == told


async def test_a_reports_attempt_booked_after_the_end_changes_the_runs_totals(orchestrator: Orchestrator) -> None:
    async with orchestrator.playing():
        before = await orchestrator.ended((await orchestrator.start(run(played=scenario(judge=JUDGE)))).id)
        row = usage_row(before.id, generation_key(before.id, 0, Purpose.REPORT), Purpose.REPORT, usage=PRICE)
        await orchestrator.store.usage.insert(row)
        await orchestrator.publisher.work(UsageAppeared(run_id=before.id, at=now(), attempt=row.id))
        await counted(orchestrator, before)
