"""The store of the model check answers as the real one does, for random operations of the engine's repositories."""

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from model.documents import MemoryStore, empty_tables
from model.loops import Clock, Process
from shared.contracts.conversations import Conversation
from shared.contracts.enums import EndedReason, Purpose, RunKind, RunStatus, Wanted
from shared.contracts.generations import Generation, UsageRow
from shared.contracts.runs import Outcome, Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Usage
from shared.errors import AgentWarsError
from shared.storage import Store
from shared.storage.accounts import AccountChange, Begin, Change, EventRecorded, Reserve, Settle, Spent
from support.builders import conversation, ended, message, run
from support.servers import own_store

OPERATIONS = 150
START = now()
Operation = Callable[[Store], Awaitable[Any]]


def _usage(draw: random.Random) -> Usage:
    return Usage(
        prompt_tokens=draw.randrange(50),
        completion_tokens=draw.randrange(50),
        cost_nanos=draw.randrange(9000),
        reasoning_tokens=draw.randrange(3),
        cost_unknown_calls=draw.randrange(2),
    )


def _change(draw: random.Random) -> Change:
    seq = draw.randint(1, 4)
    choices: list[Change] = [
        Settle(draw.choice(("turn", "judge")), seq),
        Spent(draw.choice(("turn", "judge", "other")), _usage(draw)),
        Reserve(draw.choice(("turn", "judge")), seq, draw.randrange(4000)),
        EventRecorded(draw.randrange(100), START + timedelta(seconds=draw.randrange(100)), seq),
        Begin(draw.randrange(100), START + timedelta(seconds=draw.randrange(100)), START + timedelta(hours=3)),
    ]
    return draw.choice(choices)


def _about_run(draw: random.Random, of: Run) -> Operation:
    moment = START + timedelta(seconds=draw.randrange(1000))
    change = AccountChange(draw.randint(1, 3), tuple(_change(draw) for _ in range(draw.randint(1, 4))))
    index, version, failed = draw.randint(1, 3), draw.randint(1, 4), draw.random() < 0.5
    outcome = Outcome(ended_reason=EndedReason.GOAL, goal_reached=True) if draw.random() < 0.3 else None
    wanted, sequence, spent = draw.choice(list(Wanted)), draw.randrange(50), _usage(draw)
    choices: list[Operation] = [
        *[lambda store: store.runs.account(of.id, change)] * 6,
        lambda store: store.runs.count(of.id, index, failed, outcome),
        lambda store: store.runs.start(of.id, moment, moment + timedelta(hours=2), sequence),
        lambda store: store.runs.handled(of.id, version),
        lambda store: store.runs.mark_paused(of.id, version),
        lambda store: store.runs.note_event(of.id, sequence, moment, last=failed),
        lambda store: store.runs.control(of.id),
        lambda store: store.runs.unfinished(10),
        lambda store: store.runs.ask(of.owner, of.id, version, moment, moment + timedelta(seconds=sequence)),
        lambda store: store.runs.stop_answer(of.owner, of.id, version),
        lambda store: store.runs.unanswered(START, moment, 10),
        lambda store: store.runs.canceled_chats(moment, 10),
        lambda store: store.runs.expired(moment, 10),
        lambda store: store.readers.renew([of.id], moment),
        lambda store: store.readers.finish({of.id: version}),
        lambda store: store.readers.get(of.id),
        lambda store: store.readers.read_at([of.id]),
        lambda store: store.runs.insert(of),
    ]
    if wanted is not Wanted.CANCEL or draw.random() < 0.1:
        choices.append(lambda store: store.runs.set_wanted(of.owner, of.id, wanted, version, moment))
    if draw.random() < 0.05:
        choices.append(lambda store: store.runs.finish(of.id, RunStatus.COMPLETE, moment, failed, spent))
    return draw.choice(choices)


def _about_conversation(draw: random.Random, of: Run) -> Operation:
    begun = conversation(of, draw.randint(1, 3))
    seq, spent, estimated = draw.randint(1, 4), _usage(draw), draw.random() < 0.5
    entry = ended(begun.id, seq, created_at=START) if draw.random() < 0.2 else message(begun.id, seq, usage=spent)
    in_a_row = [entry, message(begun.id, seq + 1), message(begun.id, seq + 2)]
    key = f"{begun.id}:{seq}:judge:fast"
    common: dict[str, Any] = {
        "run_id": of.id,
        "tenant": of.tenant,
        "conversation_id": begun.id,
        "purpose": Purpose.JUDGE,
        "created_at": START,
        "usage": spent,
        "estimated": estimated,
    }
    generation = Generation(id=key, seq=seq, content="text", **common)
    remembered = {"purpose": Purpose.MEMORY, "id": f"{begun.id}:{seq}:memory"}
    memory = generation.model_copy(update=remembered)
    row = UsageRow(id=f"attempt-{seq}", generation=key, outcome="lost", provider="demo", model="demo-fast", **common)
    choices: list[Operation] = [
        lambda store: store.conversations.insert(begun),
        lambda store: store.conversations.get(begun.id),
        lambda store: store.conversations.begun(of.id),
        lambda store: _by_id(store.conversations.unended([of.id])),
        lambda store: store.entries.insert(entry),
        lambda store: store.entries.insert_in_order(in_a_row),
        lambda store: store.entries.transcript(begun.id),
        lambda store: store.entries.heads(begun.id),
        lambda store: store.entries.at(begun.id, seq),
        lambda store: store.entries.ends([begun.id]),
        lambda store: store.entries.last_activity([begun.id]),
        lambda store: store.generations.insert(generation),
        lambda store: store.generations.of_conversation(begun.id),
        lambda store: store.generations.insert(memory),
        lambda store: store.generations.newest_memory(begun.id),
        lambda store: store.usage.insert(row),
        lambda store: store.usage.of_generation(key),
        lambda store: store.usage.of_run(of.id),
    ]
    return draw.choice(choices)


async def _by_id(found: Awaitable[list[Conversation]]) -> list[Conversation]:
    """In an order: what is not sorted comes as it comes."""
    return sorted(await found, key=lambda one: one.id)


async def _answer(store: Store, operation: Operation) -> Any:
    try:
        return await operation(store)
    except AgentWarsError as error:
        return type(error).__name__


@pytest.mark.parametrize("seed", range(8))
async def test_random_operations_answer_alike(mongo_url: str, seed: int) -> None:
    draw = random.Random(seed)
    kind = RunKind.CHAT if seed % 2 else RunKind.SCALE
    played = run(total=3, budget_nanos=8000, idempotency_key=f"key-{seed}", kind=kind)
    memory = MemoryStore(Process("hand", "test", Clock(), immediate=True), empty_tables())
    async with own_store(mongo_url) as real:
        for store in (memory, real):
            await store.runs.insert(played)
        for number in range(OPERATIONS):
            about = _about_run if draw.random() < 0.6 else _about_conversation
            operation = about(draw, played)
            answers = [await _answer(store, operation) for store in (memory, real)]
            assert answers[0] == answers[1], f"operation {number} of seed {seed}"
            documents = [await store.collection("runs").find_one({"_id": played.id}) for store in (memory, real)]
            assert documents[0] == documents[1], f"the run after operation {number} of seed {seed}"
