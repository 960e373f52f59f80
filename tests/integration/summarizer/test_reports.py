"""The summarizer on the real servers: report.do in, report.ready and run.ended out."""

from collections.abc import AsyncIterator

import pytest

from integration.summarizer.world import REPORT_USAGE, TURN_USAGE, World, draft, scale_test, serving, world
from shared.contracts import subjects
from shared.contracts.enums import EndedReason, RunKind, RunStatus, Wanted
from shared.contracts.reports import Evidence, Report
from shared.contracts.runs import Budget
from shared.contracts.transcript import Failure
from shared.messaging import history
from unit.summarizer.played_runs import AGENT_PROMPT, RUN, run_of, scenario

GOAL, LIMIT, ERROR = EndedReason.GOAL, EndedReason.LIMIT, EndedReason.ERROR
LAST_FACTS = ["report.ready", "progress", "run.ended"]


@pytest.fixture
async def here(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[World]:
    async with world(fresh_nats_url, mongo_url) as made, serving(made, fresh_nats_url):
        yield made


async def report_of(here: World) -> Report:
    report = await here.store.reports.get(RUN)
    assert report is not None
    return report


async def test_run_that_is_over_gets_its_whole_report(here: World) -> None:
    await here.play(scale_test(3), [GOAL, LIMIT, ERROR])
    here.answers[None] = draft()
    await here.ask()
    await here.ended()
    report = await report_of(here)
    assert (report.status, report.summary, report.generated_by) == ("ready", "One in two.", "demo/demo-fast")
    assert [(one.role, one.model) for one in report.models] == [
        (role, "demo-fast") for role in ("agent", "opponent", "judge", "report")
    ]
    assert (report.stats.succeeded, report.stats.unsuccessful, report.stats.errored) == (1, 1, 1)
    assert (report.stats.success_rate, report.stats.mean_turns_to_goal) == (0.5, 2)
    assert report.failure_modes[0].evidence == (Evidence(conversation_id=f"{RUN}-2", seq=2, quote="No idea."),)
    assert (report.failure_modes[0].count, report.failure_modes[0].share) == (1, 0.5)
    assert report.prompt_diff is not None
    assert report.prompt_diff.endswith(f" {AGENT_PROMPT}\n+Confirm refunds.")


async def test_run_that_nobody_judged_ends_in_statistics_and_calls_no_writer(here: World) -> None:
    await here.play(run_of(2, played=scenario(goal=None)), [LIMIT, ERROR])
    here.answers[None] = draft()
    await here.ask()
    await here.ended()
    report = await report_of(here)
    assert (report.status, report.reason, here.jobs) == ("ready", "unjudged", [])
    assert (report.summary, report.failure_modes, report.revised_prompt) == (None, (), None)
    assert (report.stats.succeeded, report.stats.unsuccessful, report.stats.success_rate) == (0, 0, None)
    assert [one.goal_reached for one in report.conversations] == [None, None]


async def test_totals_are_all_that_was_paid_for_the_report_included(here: World) -> None:
    await here.play(scale_test(2), [GOAL, LIMIT])
    here.answers[None] = draft()
    await here.ask()
    run = await here.ended()
    paid = sum([TURN_USAGE] * 4, REPORT_USAGE)
    report = await report_of(here)
    assert run.usage == paid
    assert report.stats.tokens == {"prompt": 140, "completion": 70, "total": 210}
    assert report.stats.actual_usd == paid.cost_nanos / 1e9


async def test_report_is_ready_before_the_run_ends_and_that_is_the_last_fact(here: World) -> None:
    await here.play(scale_test(2), [GOAL, LIMIT])
    here.answers[None] = draft()
    await here.ask()
    run = await here.ended()
    assert await here.events() == LAST_FACTS
    assert run.status is RunStatus.COMPLETE
    assert run.end_sequence == await history.last_sequence(here.client, subjects.RUN_EVENTS, subjects.events(RUN))


async def test_job_names_its_cause_and_the_participant_that_writes(here: World) -> None:
    await here.play(scale_test(2), [GOAL, LIMIT])
    here.answers[None] = draft()
    await here.ask()
    await here.ended()
    [job] = here.jobs
    last = (await here.store.entries.transcript(f"{RUN}-2"))[-1]
    assert (job.key, job.provider, job.model) == (f"{RUN}:0:report", "demo", "demo-fast")
    assert (job.first_job_at, job.repeat, job.json_answer, job.conversation_id) == (last.created_at, True, True, None)


async def test_answer_of_no_use_is_asked_for_once_more(here: World) -> None:
    await here.play(scale_test(2), [GOAL, LIMIT])
    here.answers = {None: "It went well.", "repair": draft(summary="Repaired.")}
    await here.ask()
    await here.ended()
    report = await report_of(here)
    assert [job.stage for job in here.jobs] == [None, "repair"]
    assert (report.status, report.summary) == ("ready", "Repaired.")


@pytest.mark.parametrize(
    "answers",
    [
        {None: "It went well.", "repair": '{"summary": "It went well."}'},
        {None: Failure(code="provider_error", message="The provider is down.")},
        {None: "It went well.", "repair": Failure(code="provider_error", message="The provider is down.")},
    ],
)
async def test_report_nobody_could_write_has_its_statistics(here: World, answers: dict[str | None, str]) -> None:
    await here.play(scale_test(2), [GOAL, LIMIT])
    here.answers = dict(answers)
    await here.ask()
    run = await here.ended()
    report = await report_of(here)
    assert (report.status, report.reason, report.summary) == ("unavailable", "failed", None)
    assert report.stats.success_rate == 0.5
    assert (run.status, run.report_ready) == (RunStatus.COMPLETE, True)


async def test_report_of_a_cancelled_run_asks_for_no_generation(here: World) -> None:
    await here.play(scale_test(2), [GOAL, EndedReason.CANCELED])
    await here.want(Wanted.CANCEL)
    await here.ask()
    run = await here.ended()
    report = await report_of(here)
    assert (report.status, report.reason, report.stats.ended_reasons) == (
        "unavailable",
        "canceled",
        {"goal": 1, "canceled": 1},
    )
    assert (run.status, here.jobs) == (RunStatus.CANCELED, [])
    assert await here.events() == LAST_FACTS


async def test_report_the_budget_does_not_hold_is_not_asked_for(here: World) -> None:
    run = scale_test(2)
    await here.play(run.model_copy(update={"budget": Budget(max=10_000)}), [GOAL, LIMIT])
    await here.ask()
    await here.ended()
    report = await report_of(here)
    assert (report.status, report.reason, here.jobs) == ("unavailable", "budget", [])


async def test_battle_of_one_conversation_has_statistics_only(here: World) -> None:
    await here.play(run_of(1, kind=RunKind.BATTLE), [GOAL])
    await here.ask()
    await here.ended()
    report = await report_of(here)
    assert (report.status, report.reason, report.summary, here.jobs) == ("ready", None, None, [])


async def test_report_is_failed_where_the_registry_knows_its_model_no_more(here: World) -> None:
    run = scale_test(1)
    assert run.settings.report is not None
    gone = run.settings.report.model_copy(update={"model": "demo-gone"})
    settings = run.settings.model_copy(update={"report": gone})
    await here.play(run.model_copy(update={"settings": settings}), [LIMIT])
    await here.ask()
    await here.ended()
    assert (await report_of(here)).reason == "failed"


async def test_redelivered_request_after_the_end_changes_nothing(here: World) -> None:
    await here.play(scale_test(2), [GOAL, LIMIT])
    here.answers[None] = draft()
    await here.ask()
    before = (await here.ended(), await report_of(here))
    await here.ask()
    await here.settled()
    assert (await here.store.runs.get(RUN), await report_of(here)) == before
    assert await here.events() == LAST_FACTS
    assert len(here.jobs) == 1


async def test_request_before_every_conversation_is_counted_is_stale(here: World) -> None:
    await here.play(scale_test(2), [GOAL])
    await here.ask()
    await here.settled()
    assert (await here.events(), here.jobs, await here.store.reports.get(RUN)) == ([], [], None)


async def test_request_for_an_unknown_run_becomes_a_dead_letter(here: World) -> None:
    await here.ask()
    await here.settled()
    [letter] = await here.dead_letters()
    assert (letter["type"], letter["runId"], letter["trigger"]) == ("report.given-up", RUN, "report.do")
    assert letter["failure"] == {"code": "UnknownRun", "message": f"run {RUN} is not in the store"}


async def test_message_nobody_can_read_becomes_a_dead_letter(here: World) -> None:
    await here.client.jetstream().publish(subjects.REPORTS, b"{nonsense")
    await here.settled()
    [letter] = await here.dead_letters()
    assert (letter["failure"]["code"], letter["payload"]) == ("UnreadableMessage", "{nonsense")
