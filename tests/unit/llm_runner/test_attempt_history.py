"""What was tried for a generation before."""

from llm_runner.attempt_history import BROKEN, FAILED, LOST, AttemptHistory
from shared.contracts.enums import Purpose
from shared.contracts.generations import UsageRow
from shared.contracts.timestamps import now


def row(number: int, provider: str = "one", model: str = "m", outcome: str = FAILED) -> UsageRow:
    return UsageRow(
        id=str(number),
        run_id="r",
        tenant="default",
        generation="r-1:2:turn",
        purpose=Purpose.TURN,
        created_at=now(),
        outcome=outcome,
        provider=provider,
        model=model,
    )


def test_each_route_has_its_own_failures_and_crashes_count_wherever_they_were() -> None:
    tried = [row(1), row(2), row(3, provider="two"), row(4, model="n"), row(5, "two", "m", LOST), row(6, outcome=LOST)]
    history = AttemptHistory(rows=(*tried, row(7, outcome=BROKEN)))
    routes = [("one", "m"), ("two", "m"), ("one", "n"), ("two", "n")]
    assert [len(history.failed(*route)) for route in routes] == [2, 1, 1, 0]
    assert (history.count(LOST), history.count(BROKEN), history.attempts) == (2, 1, 7)
