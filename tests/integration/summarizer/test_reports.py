"""The summarizer on the real servers: report.do in, report.ready and run.ended out."""

import pytest

from shared.contracts import subjects
from shared.contracts.enums import EndedReason, RunKind, RunStatus, Wanted
from shared.contracts.reports import Evidence
from shared.contracts.runs import Budget
from shared.contracts.transcript import Failure
from shared.messaging import history
from support.workers.finished_run import REPORT_USAGE, TURN_USAGE, FinishedRun, draft, scale_test
from unit.summarizer.played_runs import AGENT_PROMPT, RUN, run_of, scenario

GOAL, LIMIT, ERROR = EndedReason.GOAL, EndedReason.LIMIT, EndedReason.ERROR
LAST_FACTS = ["report.ready", "progress", "run.ended"]
DOWN = Failure(code="provider_error", message="The provider is down.")


async def test_run_that_is_over_gets_its_whole_report(served: FinishedRun) -> None:
    report = await served.reported(GOAL, LIMIT, ERROR)
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


async def test_run_that_nobody_judged_ends_in_statistics_and_calls_no_writer(served: FinishedRun) -> None:
    report = await served.reported(LIMIT, ERROR, run=run_of(2, played=scenario(goal=None)))
    assert (report.status, report.reason, served.jobs) == ("ready", "unjudged", [])
    assert (report.summary, report.failure_modes, report.revised_prompt) == (None, (), None)
    assert (report.stats.succeeded, report.stats.unsuccessful, report.stats.success_rate) == (0, 0, None)
    assert [one.goal_reached for one in report.conversations] == [None, None]


async def test_report_comes_before_the_end_names_its_job_and_counts_all_that_was_paid(served: FinishedRun) -> None:
    report = await served.reported(GOAL, LIMIT)
    run = await served.run()
    assert (await served.events(), run.status) == (LAST_FACTS, RunStatus.COMPLETE)
    assert run.end_sequence == await history.last_sequence(served.client, subjects.RUN_EVENTS, subjects.events(RUN))
    [job] = served.jobs
    last = (await served.store.entries.transcript(f"{RUN}-2"))[-1]
    assert (job.key, job.provider, job.model) == (f"{RUN}:0:report", "demo", "demo-fast")
    assert (job.first_job_at, job.repeat, job.json_answer, job.conversation_id) == (last.created_at, True, True, None)
    paid = sum([TURN_USAGE] * 4, REPORT_USAGE)
    assert run.usage == paid
    assert report.stats.tokens == {"prompt": 140, "completion": 70, "total": 210}
    assert report.stats.actual_usd == paid.cost_nanos / 1e9


async def test_answer_of_no_use_is_asked_for_once_more(served: FinishedRun) -> None:
    served.answers = {None: "It went well.", "repair": draft(summary="Repaired.")}
    report = await served.reported(GOAL, LIMIT)
    assert [job.stage for job in served.jobs] == [None, "repair"]
    assert (report.status, report.summary) == ("ready", "Repaired.")


@pytest.mark.parametrize(
    "answers",
    [
        {None: "It went well.", "repair": '{"summary": "It went well."}'},
        {None: DOWN},
        {None: "It went well.", "repair": DOWN},
    ],
)
async def test_report_nobody_could_write_has_its_statistics(
    served: FinishedRun, answers: dict[str | None, str | Failure]
) -> None:
    served.answers = answers
    report = await served.reported(GOAL, LIMIT)
    run = await served.run()
    assert (report.status, report.reason, report.summary) == ("unavailable", "failed", None)
    assert report.stats.success_rate == 0.5
    assert (run.status, run.report_ready) == (RunStatus.COMPLETE, True)


async def test_report_of_a_cancelled_run_asks_for_no_generation(served: FinishedRun) -> None:
    await served.play([GOAL, EndedReason.CANCELED])
    await served.want(Wanted.CANCEL)
    await served.ask()
    run, report = await served.ended(), await served.report()
    assert (report.status, report.reason) == ("unavailable", "canceled")
    assert report.stats.ended_reasons == {"goal": 1, "canceled": 1}
    assert (run.status, served.jobs) == (RunStatus.CANCELED, [])
    assert await served.events() == LAST_FACTS


async def test_report_the_budget_does_not_hold_is_not_asked_for(served: FinishedRun) -> None:
    poor = scale_test(2).model_copy(update={"budget": Budget(max=10_000)})
    report = await served.reported(GOAL, LIMIT, run=poor)
    assert (report.status, report.reason, served.jobs) == ("unavailable", "budget", [])


async def test_battle_of_one_conversation_has_statistics_only(served: FinishedRun) -> None:
    report = await served.reported(GOAL, run=run_of(1, kind=RunKind.BATTLE))
    assert (report.status, report.reason, report.summary, served.jobs) == ("ready", None, None, [])


async def test_report_is_failed_where_the_registry_knows_its_model_no_more(served: FinishedRun) -> None:
    run = scale_test(1)
    assert run.settings.report is not None
    gone = run.settings.report.model_copy(update={"model": "demo-gone"})
    settings = run.settings.model_copy(update={"report": gone})
    assert (await served.reported(LIMIT, run=run.model_copy(update={"settings": settings}))).reason == "failed"


async def test_redelivered_request_after_the_end_changes_nothing(served: FinishedRun) -> None:
    report = await served.reported(GOAL, LIMIT)
    run = await served.run()
    await served.ask()
    await served.workers.broker.at_rest()
    assert (await served.run(), await served.report()) == (run, report)
    assert await served.events() == LAST_FACTS
    assert len(served.jobs) == 1


async def test_request_before_every_conversation_is_counted_is_stale(served: FinishedRun) -> None:
    await served.play([GOAL], scale_test(2))
    await served.ask()
    await served.workers.broker.at_rest()
    assert (await served.events(), served.jobs, await served.store.reports.get(RUN)) == ([], [], None)


async def test_request_for_an_unknown_run_becomes_a_dead_letter(served: FinishedRun) -> None:
    await served.ask()
    await served.workers.broker.at_rest()
    [letter] = await served.workers.broker.dead_letters()
    assert (letter["type"], letter["runId"], letter["trigger"]) == ("report.given-up", RUN, "report.do")
    assert letter["failure"] == {"code": "UnknownRun", "message": f"run {RUN} is not in the store"}


async def test_message_nobody_can_read_becomes_a_dead_letter(served: FinishedRun) -> None:
    await served.client.jetstream().publish(subjects.REPORTS, b"{nonsense")
    await served.workers.broker.at_rest()
    [letter] = await served.workers.broker.dead_letters()
    assert (letter["failure"]["code"], letter["payload"]) == ("UnreadableMessage", "{nonsense")
