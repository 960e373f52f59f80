"""How a run ends: the terminal status, then `run.ended`, its last fact (docs/protocol.md section 5)."""

from shared.contracts.enums import RunStatus, Wanted
from shared.contracts.events import Progressed, RunEnded
from shared.contracts.generations import Generation, UsageRow
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, Failure, Usage
from shared.errors import UnknownRun
from shared.messaging.publisher import Publisher
from shared.storage import Store


def final_status(run: Run) -> RunStatus:
    """`canceled` where a cancel was wanted, `failed` only if every conversation errored, else `complete`."""
    if run.control.wanted is Wanted.CANCEL:
        return RunStatus.CANCELED
    return RunStatus.FAILED if run.failed == run.total else RunStatus.COMPLETE


async def end_run(store: Store, publisher: Publisher, run_id: str) -> None:
    """Ends a run whose conversations are all counted and whose report, where it has one, is there.

    Repeatable: the status is set once, and `run.ended` has the same id whoever publishes it. Raises UnknownRun.
    """
    run = await store.runs.get(run_id)
    if run is None:
        raise UnknownRun(run_id)
    report = await store.reports.get(run_id)
    usage = await run_usage(store, run)
    ended = await store.runs.finish(run_id, final_status(run), now(), report is not None, usage)
    if ended is None:
        raise UnknownRun(run_id)
    ended = await _with_all_usage(store, ended)
    await publisher.event(Progressed.of(ended))
    await _tell_end(store, publisher, ended)


async def abandon_run(store: Store, publisher: Publisher, run_id: str, failure: Failure) -> None:
    """Ends a run that cannot be looked at, as it stands, and says why. Repeatable; nothing is owed to it any more.

    Raises what reading it raises: it has ended then all the same, and only its last fact is not told.
    """
    await store.runs.abandon(run_id, failure, now())
    run = await store.runs.get(run_id)
    if run is not None and run.end_sequence is None:
        await _tell_end(store, publisher, run)


async def end_answer(store: Store, publisher: Publisher, run: Run, usage: Usage) -> None:
    """Ends a run of one answer, which has no report: `usage` is all that it cost, but for rows booked beside it.

    As repeatable as `end_run`, which says the same and reads everything. Raises UnknownRun.
    """
    ended = await store.runs.finish(run.id, final_status(run), now(), report_ready=False, usage=usage)
    if ended is None:
        raise UnknownRun(run.id)
    if await store.usage.of_run(run.id):
        ended = await _with_all_usage(store, ended)
    await _tell_end(store, publisher, ended)


async def _tell_end(store: Store, publisher: Publisher, ended: Run) -> None:
    sequence = await publisher.event(RunEnded.of(ended))
    await store.runs.note_event(ended.id, sequence, ended.ended_at or now(), last=True)


async def _with_all_usage(store: Store, run: Run) -> Run:
    """The ended run with what was booked between its sum and its end: later rows are told by who books them."""
    usage = await run_usage(store, run)
    if usage == run.usage:
        return run
    await store.runs.set_usage(run.id, usage)
    budget = run.budget.model_copy(update={"spent": usage.cost_nanos})
    return run.model_copy(update={"usage": usage, "budget": budget})


async def run_usage(store: Store, run: Run) -> Usage:
    """What a run cost: entries, generations and usage rows, each attempt once (section 8)."""
    conversations = [run.conversation_id(index) for index in range(1, run.total + 1)]
    rows = await store.usage.of_run(run.id)
    usage = await store.entries.usage(conversations) + await store.generations.usage(run.id)
    if not rows:
        return usage
    booked = [row.id for row in rows]
    counted = await store.entries.attempts(conversations, booked) | await store.generations.attempts(run.id, booked)
    return sum((row.usage for row in rows if row.id not in counted), usage)


def total_usage(entries: list[Entry], generations: list[Generation], rows: list[UsageRow]) -> Usage:
    """The sum of what is booked; a usage row whose attempt stands in a result counts for nothing."""
    results: list[Entry | Generation] = [*entries, *generations]
    counted = {result.attempt for result in results}
    booked = [result.usage for result in results] + [row.usage for row in rows if row.id not in counted]
    return sum(booked, Usage())
