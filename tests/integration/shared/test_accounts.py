"""A run's money and progress on a real mongod, held against a plain account in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from shared.contracts.enums import Wanted
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Usage
from shared.storage import Store
from shared.storage.accounts import AccountChange, Change, EventRecorded, Reserve, Settle, Slot, Spent
from shared.storage.run_accounts import RunAccountView
from support.builders import ANYBODY, run
from support.servers import another_store

BUDGET = 200
SLOTS: tuple[Slot, ...] = ("turn", "judge")
ON_A_DATABASE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@dataclass(frozen=True)
class Count:
    """The conversation is counted."""


Step = tuple[int, Change | Count]


@dataclass
class Held:
    seq: int = 0
    estimate: int = 0
    open: bool = False


@dataclass
class PlainAccount:
    """What section 8 of the turn protocol says, without a database."""

    spent: dict[tuple[int, str], Usage] = field(default_factory=dict)
    slots: dict[tuple[int, str], Held] = field(default_factory=dict)
    counted: set[int] = field(default_factory=set)

    @property
    def open(self) -> int:
        return sum(held.estimate for held in self.slots.values() if held.open)

    @property
    def usage(self) -> Usage:
        return sum(self.spent.values(), Usage())

    def perform(self, step: Step) -> None:
        index, change = step
        if isinstance(change, Count):
            self.counted.add(index)
            self.slots = {place: held for place, held in self.slots.items() if place[0] != index}
        elif isinstance(change, Spent):
            before = self.spent.get((index, change.part), Usage())
            self.spent[index, change.part] = _largest(before, change.usage)
        elif isinstance(change, Settle | Reserve):
            self._perform_on_slot(index, change)

    def _perform_on_slot(self, index: int, change: Settle | Reserve) -> None:
        held = self.slots.get((index, change.slot), Held())
        if isinstance(change, Settle):
            if held.seq <= change.seq and index not in self.counted:
                self.slots[index, change.slot] = Held(change.seq, held.estimate, False)
            return
        after = self.open - (held.estimate if held.open else 0) + change.estimate_nanos
        if held.seq < change.seq and index not in self.counted and self.usage.cost_nanos + after <= BUDGET:
            self.slots[index, change.slot] = Held(change.seq, change.estimate_nanos, True)


def _largest(one: Usage, other: Usage) -> Usage:
    return Usage(**{name: max(getattr(one, name), getattr(other, name)) for name in Usage.model_fields})


def usage(cost: int) -> Usage:
    return Usage(
        prompt_tokens=2 * cost,
        completion_tokens=cost,
        cost_nanos=cost,
        cache_read_tokens=cost,
        cost_unknown_calls=3 * cost,
    )


INDEXES, SEQS = some.integers(1, 2), some.integers(1, 3)
RESERVES = some.builds(Reserve, some.sampled_from(SLOTS), SEQS, some.integers(1, 60))
SETTLES = some.builds(Settle, some.sampled_from(SLOTS), SEQS)
SPENDS = some.builds(Spent, some.sampled_from(("turn", "judge", "other")), some.builds(usage, some.integers(0, 20)))
STEPS = some.lists(
    some.tuples(INDEXES, some.one_of(RESERVES, RESERVES, SETTLES, SETTLES, SPENDS, some.builds(Count))),
    min_size=12,
    max_size=20,
)


async def stored(store: Store, budget_nanos: int = BUDGET, **fields: object) -> Run:
    made = run(total=3, budget_nanos=budget_nanos, **fields)  # type: ignore[arg-type]
    await store.runs.insert(made)
    return made


async def account(store: Store, of: Run, index: int, *changes: Change) -> RunAccountView:
    view = await store.runs.account(of.id, AccountChange(index, changes))
    assert view is not None
    return view


async def perform(store: Store, of: Run, steps: Sequence[Step]) -> Run:
    for index, change in steps:
        if isinstance(change, Count):
            await store.runs.count(of.id, index, False, None)
        else:
            await account(store, of, index, change)
    after = await store.runs.get(of.id)
    assert after is not None
    return after


@ON_A_DATABASE
@given(steps=STEPS)
async def test_any_history_leaves_the_account_that_plain_arithmetic_leaves(store: Store, steps: list[Step]) -> None:
    plain = PlainAccount()
    for step in steps:
        plain.perform(step)
    after = await perform(store, await stored(store), steps)
    assert (after.budget.open, after.budget.spent) == (plain.open, plain.usage.cost_nanos)
    assert (after.usage, set(after.ended)) == (plain.usage, plain.counted)


@ON_A_DATABASE
@given(data=some.data())
async def test_results_in_any_order_and_repeated_give_the_same_totals(store: Store, data: some.DataObject) -> None:
    steps: list[Step] = [(index, Spent("turn", usage(cost))) for index in (1, 2) for cost in (5, 11, 19)]
    steps += [(index, Settle(slot, seq)) for index in (1, 2) for slot in SLOTS for seq in (1, 2)]
    disorder = data.draw(some.permutations([*steps, *data.draw(some.lists(some.sampled_from(steps), max_size=6))]))
    made = await stored(store)
    for index in (1, 2):
        await account(store, made, index, Reserve("turn", 2, 30), Reserve("judge", 2, 20))
    after = await perform(store, made, disorder)
    assert (after.budget.open, after.budget.spent, after.usage) == (0, 38, usage(38))


async def test_changes_of_two_processes_at_once_add_up(store: Store, mongo_url: str) -> None:
    made = await stored(store, budget_nanos=10_000)
    other = another_store(store, mongo_url)
    changes = [
        account(where, made, index, Reserve("turn", 1, 10), Spent("turn", usage(index)), Settle("turn", 1))
        for index in range(1, 31)
        for where in (store, other)
    ]
    await asyncio.gather(*changes)
    other.close()
    after = await store.runs.get(made.id)
    assert after is not None
    assert (after.budget.open, after.usage) == (0, usage(sum(range(1, 31))))


async def test_late_settling_of_an_earlier_seq_leaves_the_slot_open(store: Store) -> None:
    made = await stored(store)
    await account(store, made, 1, Reserve("turn", 2, 10))
    assert (await account(store, made, 1, Settle("turn", 1))).budget.open == 10
    assert (await account(store, made, 1, Settle("turn", 2), Settle("turn", 2))).budget.open == 0


async def test_what_is_settled_cannot_be_reserved_any_more(store: Store) -> None:
    """A look that was held up, of a chat whose answer was asked for without a slot."""
    made = await stored(store)
    await account(store, made, 1, Reserve("turn", 2, 10))
    settled = await account(store, made, 1, Settle("turn", 4))
    late = await account(store, made, 1, Reserve("turn", 4, 10))
    assert (settled.budget.open, late.budget.open, late.slots.turn) == (0, 0, 4)


async def test_reserving_over_budget_is_refused_and_the_slot_stays_as_it_was(store: Store) -> None:
    made = await stored(store)
    first = await account(store, made, 1, Reserve("turn", 1, BUDGET))
    second = await account(store, made, 2, Reserve("turn", 1, 1))
    assert (first.slots.turn, second.slots.turn, second.budget.open) == (1, 0, BUDGET)


async def test_what_was_spent_leaves_less_to_reserve(store: Store) -> None:
    made = await stored(store)
    await account(store, made, 1, Spent("turn", usage(BUDGET - 10)))
    assert (await account(store, made, 1, Reserve("turn", 2, 11))).slots.turn == 0
    assert (await account(store, made, 1, Reserve("turn", 2, 10))).slots.turn == 2


async def test_reserve_of_the_report_is_open_from_the_start(store: Store) -> None:
    made = await stored(store, report_reserve_nanos=BUDGET - 10)
    assert (await account(store, made, 1, Reserve("turn", 1, 11))).slots.turn == 0
    assert (await account(store, made, 1, Reserve("turn", 1, 10))).budget.open == BUDGET


@pytest.mark.parametrize("wanted", [Wanted.PAUSE, Wanted.CANCEL])
async def test_nothing_is_reserved_while_the_run_is_not_wanted_to_run(store: Store, wanted: Wanted) -> None:
    made = await stored(store)
    await store.runs.set_wanted(ANYBODY, made.id, wanted, 1, now())
    view = await account(store, made, 1, Reserve("turn", 1, 1))
    assert (view.slots.turn, view.budget.open, view.control.wanted) == (0, 0, wanted)


async def test_nothing_is_reserved_for_a_counted_conversation(store: Store) -> None:
    made = await stored(store)
    await store.runs.count(made.id, 1, False, None)
    assert (await account(store, made, 1, Reserve("turn", 1, 1))).slots.turn == 0


async def test_counting_twice_counts_once_and_gives_back_what_was_held(store: Store) -> None:
    made = await stored(store)
    await account(store, made, 2, Reserve("turn", 1, 50), Reserve("judge", 1, 20))
    for _ in range(2):
        counted = await store.runs.count(made.id, 2, True, None)
    assert counted is not None
    assert (counted.ended, counted.completed, counted.failed, counted.budget.open) == ((2,), 0, 1, 0)


async def test_conversations_are_counted_at_positions_of_their_own(store: Store) -> None:
    made = await stored(store)
    counted = await asyncio.gather(*(store.runs.count(made.id, index, False, None) for index in (1, 2, 3)))
    assert {len(one.ended) for one in counted if one is not None} == {1, 2, 3}


async def test_late_figures_of_an_ended_run_do_not_add_to_what_was_counted(store: Store) -> None:
    made = await stored(store)
    await account(store, made, 1, Spent("turn", usage(10)))
    await store.runs.finish(made.id, made.status, now(), True, usage(17))
    await account(store, made, 1, Spent("other", usage(7)))
    after = await store.runs.get(made.id)
    assert after is not None
    assert (after.usage, after.budget.spent) == (usage(17), 17)


async def test_what_was_noticed_never_goes_back(store: Store) -> None:
    made, early = await stored(store), now()
    await account(store, made, 1, EventRecorded(9, now(), 4))
    await account(store, made, 1, EventRecorded(3, early, 2))
    after = await store.runs.get(made.id)
    assert after is not None
    assert (after.event_sequence, after.current_turn) == (9, 4)
    assert after.last_event_at is not None
    assert after.last_event_at >= early


async def test_account_of_an_unknown_run_is_none(store: Store) -> None:
    assert await store.runs.account("nobody", AccountChange(1, (Settle("turn", 1),))) is None
