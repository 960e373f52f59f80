"""A look that died anywhere is finished by the next one; two at once do no harm. No service runs here but the looks."""

import asyncio
import json

import pytest

from shared.contracts import subjects
from shared.contracts.enums import EndedReason, Purpose
from shared.contracts.timestamps import now
from shared.contracts.work import GenerationRequested
from shared.errors import StaleMessage
from shared.messaging import history
from summarizer.composition import compose
from summarizer.decide import Keep
from summarizer.draft import read_draft
from support.workers.finished_run import FinishedRun, draft, read_material, registry, stored_answer
from unit.summarizer.played_runs import RUN

GOAL, LIMIT = EndedReason.GOAL, EndedReason.LIMIT
LAST_FACTS = ["report.ready", "progress", "run.ended"]
JOB = GenerationRequested(run_id=RUN, at=now(), purpose=Purpose.REPORT, provider="demo", model="m", first_job_at=now())


@pytest.fixture
async def here(finished: FinishedRun) -> FinishedRun:
    """Its report has been written but not kept."""
    await finished.play([GOAL, LIMIT])
    await finished.store.generations.insert(stored_answer(JOB, draft()))
    return finished


async def keep(here: FinishedRun, summary: str) -> None:
    """What a look does up to its insert, and then it dies."""
    material, _ = await read_material(here.store, await here.run())
    await here.effects.keep(compose(material, Keep(read_draft(draft(summary=summary))), "demo/m", now()))


async def test_look_that_died_after_the_insert_is_finished_with_the_report_that_stands(here: FinishedRun) -> None:
    await keep(here, "The first one.")
    await here.looks.look(RUN, first=False)
    assert (await here.report()).summary == "The first one."
    assert await here.events() == LAST_FACTS


async def test_look_that_died_after_report_ready_repeats_no_fact(here: FinishedRun) -> None:
    await keep(here, "The first one.")
    await here.effects.announce(RUN)
    await here.looks.look(RUN, first=False)
    assert await here.events() == LAST_FACTS


async def test_look_that_died_after_the_terminal_status_still_publishes_the_end(here: FinishedRun) -> None:
    await here.looks.look(RUN, first=False)
    await here.store.database["runs"].update_one({"_id": RUN}, {"$set": {"end_sequence": None}})
    await here.looks.look(RUN, first=False)
    run = await here.run()
    facts = history.read(here.client, subjects.RUN_EVENTS, subjects.events(RUN))
    assert [run.end_sequence] == [one.sequence async for one in facts if json.loads(one.data)["type"] == "run.ended"]
    assert [one for one in await here.events() if one != "progress"] == ["report.ready", "run.ended"]


async def test_insert_that_comes_second_is_void(here: FinishedRun) -> None:
    await keep(here, "The first one.")
    await keep(here, "The second one.")
    assert (await here.report()).summary == "The first one."


async def test_looks_at_once_keep_one_report_and_publish_each_fact_once(here: FinishedRun) -> None:
    await asyncio.gather(*(here.looks.look(RUN, first=True) for _ in range(4)), return_exceptions=True)
    facts = [one for one in await here.events() if one != "progress"]
    assert facts == ["report.ready", "run.ended"]
    assert await here.store.database["reports"].count_documents({}) == 1


async def test_look_after_the_end_is_stale(here: FinishedRun) -> None:
    await here.looks.look(RUN, first=False)
    with pytest.raises(StaleMessage):
        await here.looks.look(RUN, first=True)
    assert await here.events() == LAST_FACTS


async def test_transcripts_that_do_not_fit_are_condensed_first(finished: FinishedRun) -> None:
    finished.workers.registry = registry(context_window=8_000)
    finished.answers["condense"] = "They talked at length."
    async with finished.served():
        await finished.play([GOAL, LIMIT], text="No idea. " * 2_000)
        await finished.ask()
        await finished.ended()
    report = next(job for job in finished.jobs if job.stage is None)
    assert sorted(job.stage or "" for job in finished.jobs) == ["", "condense-1", "condense-2"]
    assert report.prompt[1].content.count("(condensed) They talked at length.") == 2
    assert [job.json_answer for job in finished.jobs if job.stage] == [False, False]
