"""What was tried for a generation before."""

from llm_runner.past import BROKEN, FAILED, LOST, Past
from shared.contracts.generations import UsageRow
from shared.contracts.record import now
from shared.contracts.words import Purpose


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
    past = Past(rows=(*tried, row(7, outcome=BROKEN)))
    routes = [("one", "m"), ("two", "m"), ("one", "n"), ("two", "n")]
    assert [len(past.failed(*route)) for route in routes] == [2, 1, 1, 0]
    assert (past.count(LOST), past.count(BROKEN), past.attempts) == (2, 1, 7)
