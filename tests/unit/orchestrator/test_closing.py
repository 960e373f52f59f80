"""What a conversation cost, for the look that has just ended it: all of it, or it looks again."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.closing import Closing
from orchestrator.conversation_facts import ConversationFacts
from orchestrator.snapshots import ConversationSnapshot
from shared.contracts.enums import Purpose
from shared.contracts.generations import Generation, UsageRow
from shared.contracts.timestamps import now
from shared.contracts.transcript import Usage
from shared.messaging.publisher import Publisher
from shared.storage import Store
from shared.storage.accounts import Spent
from support.builders import JUDGE, ended, scenario

TURNS, JUDGED = Usage(prompt_tokens=40, cost_nanos=100), Usage(prompt_tokens=7, cost_nanos=10)
ABOUT: dict[str, Any] = {"run_id": "run", "tenant": "default", "created_at": now()}
END = ended("run-1", 5)
JUDGEMENT = Generation(id="run-1:2:judge:fast", seq=2, purpose=Purpose.JUDGE, usage=JUDGED, **ABOUT)
ROW = UsageRow(
    id="attempt",
    generation="run-1:2:turn",
    purpose=Purpose.TURN,
    outcome="failed",
    provider="demo",
    model="demo-fast",
    usage=Usage(cost_nanos=5),
    **ABOUT,
)


class Booked:
    """Rows or generations as the store holds them when the end stands; `reads` counts who asks."""

    def __init__(self, *stored: object) -> None:
        self.stored = list(stored)
        self.reads = 0

    async def of_conversation(self, conversation: str) -> list[object]:
        self.reads += 1
        return self.stored


def snapshot(*spent: Spent, only: Usage | None = None) -> ConversationSnapshot:
    facts = ConversationFacts(settings=scenario(4, JUDGE), messages=4)
    return ConversationSnapshot(facts, clock_started_at=now(), cause_at=now(), spent=spent, only=only)


async def whole_usage(of: ConversationSnapshot, rows: Booked, generations: Booked) -> Usage | None:
    store = cast(Store, SimpleNamespace(usage=rows, generations=generations))
    whole = await Closing(store, cast(Publisher, None)).whole("run-1", of, END)
    return whole.usage if whole is not None else None


async def test_what_the_account_was_told_is_all_where_nothing_else_is_booked() -> None:
    told = snapshot(Spent("turn", TURNS), Spent("judge", JUDGED))
    assert await whole_usage(told, Booked(), Booked(JUDGEMENT)) == TURNS + JUDGED


@pytest.mark.parametrize("judged_by_another", [False, True])
async def test_end_tells_of_another_model_that_judged_or_spoke(judged_by_another: bool) -> None:
    told = snapshot(Spent("turn", TURNS), Spent("judge", JUDGED))
    judgement = JUDGEMENT.model_copy(update={"substituted": judged_by_another})
    store = cast(Store, SimpleNamespace(usage=Booked(), generations=Booked(judgement)))
    closing = Closing(store, cast(Publisher, None))
    whole = await closing.whole("run-1", told, END)
    spoken = await closing.whole("run-1", replace(told, substituted=True), END)
    assert whole is not None
    assert whole.end is END
    assert whole.substituted is judged_by_another
    assert spoken is not None
    assert spoken.substituted


async def test_row_that_is_booked_beside_the_results_has_the_look_begin_anew() -> None:
    assert await whole_usage(snapshot(Spent("turn", TURNS)), Booked(ROW), Booked()) is None


async def test_judgement_that_the_trigger_did_not_tell_has_the_look_begin_anew() -> None:
    assert await whole_usage(snapshot(Spent("turn", TURNS)), Booked(), Booked(JUDGEMENT)) is None


async def test_trigger_that_tells_no_cost_has_the_look_begin_anew() -> None:
    assert await whole_usage(snapshot(), Booked(), Booked()) is None


async def test_beside_the_only_message_there_are_rows_at_most() -> None:
    single, generations = snapshot(Spent("turn", TURNS), only=TURNS), Booked()
    assert await whole_usage(single, Booked(), generations) == TURNS
    assert await whole_usage(single, Booked(ROW), generations) is None
    assert generations.reads == 0
