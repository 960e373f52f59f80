"""A run's totals hold every row, whenever it came (docs/protocol.md section 8)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from nats.aio.client import Client

from llm_runner.announcer import Announcer
from llm_runner.usage_ledger import UsageLedger
from shared.contracts import subjects
from shared.contracts.enums import Purpose
from shared.contracts.generations import UsageRow
from shared.contracts.identity import generation_key
from shared.contracts.runs import Run
from shared.contracts.transcript import Usage
from shared.contracts.work import UsageAppeared
from shared.messaging import history
from shared.messaging.publisher import Publisher
from shared.run_endings import end_run
from shared.storage import Store
from support.builders import run, usage_row

COST = Usage(prompt_tokens=700, completion_tokens=300, cost_nanos=5_000)


def beaten_report(of: Run) -> UsageRow:
    """What a report's attempt cost that came second."""
    return usage_row(of.id, generation_key(of.id, 0, Purpose.REPORT), Purpose.REPORT, usage=COST)


async def test_row_between_the_sum_and_the_end_counts(
    store: Store, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run()
    await store.runs.insert(made)
    finish: Callable[..., Awaitable[Run | None]] = store.runs.finish

    async def booked_just_before(*arguments: Any) -> Run | None:
        await store.usage.insert(beaten_report(made))
        return await finish(*arguments)

    monkeypatch.setattr(store.runs, "finish", booked_just_before)
    await end_run(store, publisher, made.id)
    after = await store.runs.get(made.id)
    assert after is not None
    assert (after.usage, after.budget.spent) == (COST, COST.cost_nanos)


async def test_real_figures_are_told_where_their_estimate_was(
    store: Store, publisher: Publisher, client: Client
) -> None:
    made = run()
    await store.runs.insert(made)
    await end_run(store, publisher, made.id)
    books, real = UsageLedger(store, Announcer(publisher), {}, 200), beaten_report(made)
    await books.book(real.model_copy(update={"usage": Usage(prompt_tokens=1), "estimated": True}))
    await books.book(real)
    told = [one async for one in history.read(client, subjects.WORK, subjects.DONE_ORCHESTRATOR)]
    assert [UsageAppeared.model_validate_json(one.data).estimated for one in told] == [True, False]


async def test_row_of_a_report_is_told_after_its_runs_end_only(
    store: Store, publisher: Publisher, client: Client
) -> None:
    made = run()
    await store.runs.insert(made)
    books = UsageLedger(store, Announcer(publisher), {}, 200)
    await books.book(beaten_report(made))
    await end_run(store, publisher, made.id)
    late = beaten_report(made)
    await books.book(late)
    told = [one async for one in history.read(client, subjects.WORK, subjects.DONE_ORCHESTRATOR)]
    appeared = [UsageAppeared.model_validate_json(one.data) for one in told]
    assert [(one.run_id, one.conversation_id, one.attempt) for one in appeared] == [(made.id, None, late.id)]
