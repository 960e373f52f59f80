"""A look that died anywhere is finished by the next one; two at once do no harm. No service runs here but the looks."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from integration.summarizer.world import World, draft, read_material, scale_test, serving, stored_answer, world
from shared.contracts import subjects
from shared.contracts.enums import EndedReason, Purpose
from shared.contracts.timestamps import now
from shared.contracts.work import GenerationRequested
from shared.errors import StaleMessage
from shared.messaging import history
from summarizer.composition import compose
from summarizer.decide import Keep
from summarizer.draft import read_draft
from summarizer.effects import Effects
from unit.summarizer.played_runs import RUN

GOAL, LIMIT = EndedReason.GOAL, EndedReason.LIMIT
LAST_FACTS = ["report.ready", "progress", "run.ended"]
JOB = GenerationRequested(run_id=RUN, at=now(), purpose=Purpose.REPORT, provider="demo", model="m", first_job_at=now())


@pytest.fixture
async def here(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[World]:
    """A run whose report has been written but not kept."""
    async with world(fresh_nats_url, mongo_url) as made:
        await made.play(scale_test(2), [GOAL, LIMIT])
        await made.store.generations.insert(stored_answer(JOB, draft()))
        yield made


async def keep(here: World, summary: str) -> None:
    """What a look does up to its insert, and then it dies."""
    run = await here.store.runs.get(RUN)
    assert run is not None
    material, _ = await read_material(here.store, run)
    report = compose(material, Keep(read_draft(draft(summary=summary))), "demo/m", now())
    await Effects(here.store, here.publisher).keep(report)


async def test_look_that_died_after_the_insert_is_finished_with_the_report_that_stands(here: World) -> None:
    await keep(here, "The first one.")
    await here.looks.look(RUN, first=False)
    report = await here.store.reports.get(RUN)
    assert report is not None
    assert report.summary == "The first one."
    assert await here.events() == LAST_FACTS


async def test_look_that_died_after_report_ready_repeats_no_fact(here: World) -> None:
    await keep(here, "The first one.")
    await Effects(here.store, here.publisher).announce(RUN)
    await here.looks.look(RUN, first=False)
    assert await here.events() == LAST_FACTS


async def test_look_that_died_after_the_terminal_status_still_publishes_the_end(here: World) -> None:
    await here.looks.look(RUN, first=False)
    await here.store.database["runs"].update_one({"_id": RUN}, {"$set": {"end_sequence": None}})
    await here.looks.look(RUN, first=False)
    run = await here.store.runs.get(RUN)
    assert run is not None
    facts = history.read(here.client, subjects.RUN_EVENTS, subjects.events(RUN))
    assert [run.end_sequence] == [one.sequence async for one in facts if json.loads(one.data)["type"] == "run.ended"]
    assert [one for one in await here.events() if one != "progress"] == ["report.ready", "run.ended"]


async def test_insert_that_comes_second_is_void(here: World) -> None:
    await keep(here, "The first one.")
    await keep(here, "The second one.")
    report = await here.store.reports.get(RUN)
    assert report is not None
    assert report.summary == "The first one."


async def test_looks_at_once_keep_one_report_and_publish_each_fact_once(here: World) -> None:
    await asyncio.gather(*(here.looks.look(RUN, first=True) for _ in range(4)), return_exceptions=True)
    facts = [one for one in await here.events() if one != "progress"]
    assert facts == ["report.ready", "run.ended"]
    assert await here.store.database["reports"].count_documents({}) == 1


async def test_look_after_the_end_is_stale(here: World) -> None:
    await here.looks.look(RUN, first=False)
    with pytest.raises(StaleMessage):
        await here.looks.look(RUN, first=True)
    assert await here.events() == LAST_FACTS


async def test_transcripts_that_do_not_fit_are_condensed_first(fresh_nats_url: str, mongo_url: str) -> None:
    async with world(fresh_nats_url, mongo_url, context_window=8_000) as here, serving(here, fresh_nats_url):
        here.answers = {"condense": "They talked at length.", None: draft()}
        await here.play(scale_test(2), [GOAL, LIMIT], text="No idea. " * 2_000)
        await here.ask()
        await here.ended()
        report = next(job for job in here.jobs if job.stage is None)
        assert sorted(job.stage or "" for job in here.jobs) == ["", "condense-1", "condense-2"]
        assert report.prompt[1].content.count("(condensed) They talked at length.") == 2
        assert [job.json_answer for job in here.jobs if job.stage] == [False, False]
