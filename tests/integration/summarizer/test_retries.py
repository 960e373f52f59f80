"""A retry's report covers what its parent keeps, back to the first run."""

import pytest

from shared.contracts.enums import EndedReason
from shared.contracts.runs import Run
from shared.contracts.transcript import Usage
from shared.errors import UnknownRun
from shared.storage import Store
from summarizer import statistics
from support.builders import ended, message, run
from support.workers.environment import WorkerEnvironment
from support.workers.finished_run import read_material

PRICE = Usage(prompt_tokens=10, completion_tokens=5, cost_nanos=15_000)


async def played(store: Store, *reasons: EndedReason, parent: Run | None = None, retried: tuple[int, ...] = ()) -> Run:
    """A run whose conversations of one message each ended for these reasons."""
    made = run(total=len(reasons), parent=parent.id if parent else None)
    made = made.model_copy(update={"settings": made.settings.model_copy(update={"retried": retried})})
    await store.runs.insert(made)
    for index, reason in enumerate(reasons, 1):
        await store.entries.insert(message(f"{made.id}-{index}", 1, attempt=f"{made.id}-{index}", usage=PRICE))
        await store.entries.insert(ended(f"{made.id}-{index}", 2, reason))
    return made


async def test_a_retry_of_a_retry_holds_every_conversation_once_and_pays_for_its_own(
    workers: WorkerEnvironment,
) -> None:
    first = await played(workers.store, EndedReason.ERROR, EndedReason.LIMIT, EndedReason.ERROR, EndedReason.TIMEOUT)
    second = await played(workers.store, EndedReason.LIMIT, EndedReason.ERROR, parent=first, retried=(1, 3))
    third = await played(workers.store, EndedReason.REFUSAL, parent=second, retried=(3,))
    material, _ = await read_material(workers.store, third)
    assert [one.id for one in material.conversations] == [
        f"{second.id}-1",
        f"{first.id}-2",
        f"{third.id}-1",
        f"{first.id}-4",
    ]
    assert [one.index for one in material.conversations] == [1, 2, 3, 4]
    assert (material.usage, sum((one.usage for one in material.conversations), Usage())) == (PRICE, PRICE)
    counted = statistics.count(material)
    assert (counted.total, counted.errored) == (4, 0)
    assert counted.ended_reasons == {"limit": 2, "refusal": 1, "timeout": 1}


async def test_what_fails_again_is_counted_as_failed_once(workers: WorkerEnvironment) -> None:
    first = await played(workers.store, EndedReason.ERROR, EndedReason.LIMIT)
    again = await played(workers.store, EndedReason.ERROR, parent=first, retried=(1,))
    counted = statistics.count((await read_material(workers.store, again))[0])
    assert (counted.total, counted.errored) == (2, 1)


async def test_a_run_with_a_parent_that_is_no_retry_stands_alone(workers: WorkerEnvironment) -> None:
    first = await played(workers.store, EndedReason.LIMIT, EndedReason.LIMIT)
    branch = await played(workers.store, EndedReason.LIMIT, parent=first)
    material, _ = await read_material(workers.store, branch)
    assert [one.id for one in material.conversations] == [f"{branch.id}-1"]


async def test_a_retry_whose_parent_is_gone_says_so(workers: WorkerEnvironment) -> None:
    orphan = await played(workers.store, EndedReason.LIMIT, parent=run(), retried=(1,))
    with pytest.raises(UnknownRun):
        await read_material(workers.store, orphan)
