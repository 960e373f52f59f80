"""What a conversation cost, for the look that has just ended it: all of it, or it looks again."""

from types import SimpleNamespace
from typing import Any, cast

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
from support.builders import JUDGE, scenario

TURNS, JUDGED = Usage(prompt_tokens=40, cost_nanos=100), Usage(prompt_tokens=7, cost_nanos=10)
ABOUT: dict[str, Any] = {"run_id": "run", "tenant": "default", "created_at": now()}
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
    return await Closing(store, cast(Publisher, None)).whole_usage("run-1", of)


async def test_what_the_account_was_told_is_all_where_nothing_else_is_booked() -> None:
    told = snapshot(Spent("turn", TURNS), Spent("judge", JUDGED))
    assert await whole_usage(told, Booked(), Booked(JUDGEMENT)) == TURNS + JUDGED


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
