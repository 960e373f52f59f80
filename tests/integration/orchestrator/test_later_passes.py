"""A later pass of a judge (a replay, a re-judge) decides nothing: only what it cost counts."""

from nats.aio.client import Client

from integration.orchestrator.scripts import judged
from integration.orchestrator.stage import Stage, stage
from integration.orchestrator.stand_ins import PRICE
from invariants import events_of
from shared.contracts import subjects
from shared.contracts.enums import EndedReason, JudgementStatus, Purpose
from shared.contracts.enums import Stage as JudgeStage
from shared.contracts.identity import generation_key
from shared.contracts.judgement import Judgement
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.work import GenerationStored, UsageAppeared
from shared.storage import Store
from support.builders import JUDGE, generation, run, scenario, usage_row
from support.eventually import eventually


async def judge_again(played: Stage, of: Run, seq: int) -> None:
    """What llm-runner does with the job of a later pass that says the goal is reached."""
    conversation, stage_name = f"{of.id}-1", JudgeStage.FAST
    judgement = Judgement(seq=seq, stage=stage_name, status=JudgementStatus.COMPLETE, confidence=1.0)
    made = {"content": "{}", "judgement": judgement, "attempt": "again", "usage": PRICE}
    stored = generation(conversation, seq, Purpose.JUDGE, stage_name, pass_number=1, **made)
    await played.store.generations.insert(stored)
    fields = stored.model_dump(include={"run_id", "conversation_id", "seq", "purpose", "stage", "pass_number"})
    done = GenerationStored(at=now(), stored_at=stored.created_at, judgement=judgement, first=True, **fields)
    await played.publisher.done(done, subjects.DONE_ORCHESTRATOR)


async def test_a_judgement_of_a_later_pass_ends_nothing(store: Store, client: Client) -> None:
    async with stage(store, client, judged({})) as played:
        started = await played.start(run(played=scenario(judge=JUDGE)))
        async with played.playing(runner=False):
            await eventually(played.is_waiting_for_runner, "the first job")
            await judge_again(played, started, 2)
            await eventually(played.is_waiting_for_runner, "the first job")
        async with played.playing():
            await played.ended(started.id)
        ((*_, end),) = await played.transcripts(started)
        assert end.ended_reason is EndedReason.LIMIT


async def test_a_judgement_after_the_end_changes_the_totals_and_no_fact(store: Store, client: Client) -> None:
    async with stage(store, client, judged({})) as played, played.playing():
        started = await played.start(run(played=scenario(judge=JUDGE)))
        before = await played.ended(started.id)
        told = [event.type for event in await events_of(client, started.id)]
        await judge_again(played, started, 4)

        async def counted() -> bool:
            return (await played.run(started.id)).usage == before.usage + PRICE

        await eventually(counted, "what the later pass cost")
        await played.ended(started.id)
        assert [event.type for event in await events_of(client, started.id)] == told


async def test_a_reports_attempt_booked_after_the_end_changes_the_runs_totals(store: Store, client: Client) -> None:
    async with stage(store, client, judged({})) as played, played.playing():
        started = await played.start(run(played=scenario(judge=JUDGE)))
        before = await played.ended(started.id)
        row = usage_row(started.id, generation_key(started.id, 0, Purpose.REPORT), Purpose.REPORT, usage=PRICE)
        await store.usage.insert(row)
        await played.publisher.work(UsageAppeared(run_id=started.id, at=now(), attempt=row.id))

        async def counted() -> bool:
            return (await played.run(started.id)).usage == before.usage + PRICE

        await eventually(counted, "what the report's other attempt cost")
