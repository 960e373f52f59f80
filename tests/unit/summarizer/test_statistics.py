"""Statistics against values computed by hand."""

from dataclasses import replace

import pytest

from shared.contracts.enums import EndedReason
from shared.contracts.transcript import Usage
from summarizer.played_run import PlayedConversation
from summarizer.statistics import count, criterion_rates, percentile, wilson
from unit.summarizer.played_runs import conversation, material, message, scenario

GOAL, LIMIT, ERROR = EndedReason.GOAL, EndedReason.LIMIT, EndedReason.ERROR


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (1, 2, 0.0945, 0.9055), (1, 1, 0.2065, 1.0)],
)
def test_wilson_interval_is_the_published_one(successes: int, total: int, low: float, high: float) -> None:
    assert wilson(successes, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_of_nothing_is_none() -> None:
    assert wilson(0, 0) is None


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, None), ([7.0], 0.95, 7.0), ([1.0, 3.0], 0.5, 2.0), ([4.0, 2.0, 1.0, 3.0, 5.0], 0.9, 4.6)],
)
def test_percentile_interpolates_between_neighbours(values: list[float], share: float, expected: float | None) -> None:
    assert percentile(values, share) == (None if expected is None else pytest.approx(expected))


def test_rates_leave_errored_conversations_out() -> None:
    played = [conversation(1, GOAL, decided_by=4), conversation(2), conversation(3, ERROR), conversation(4, GOAL)]
    found = count(material(played))
    assert (found.total, found.succeeded, found.unsuccessful, found.errored, found.failed) == (4, 2, 1, 1, 1)
    assert found.success_rate == pytest.approx(2 / 3)
    assert found.success_interval == pytest.approx(wilson(2, 3))
    assert found.ended_reasons == {"goal": 2, "limit": 1, "error": 1}


def test_where_another_model_spoke_or_judged_is_counted_apart() -> None:
    played = [conversation(1, GOAL, decided_by=4), conversation(2), conversation(3, GOAL, decided_by=90)]
    found = count(material([*played[:2], *(replace(one, substituted=True) for one in (played[2], played[1]))]))
    assert (found.total, found.succeeded, found.unsuccessful, found.substituted) == (4, 1, 1, 2)
    assert (found.success_rate, found.mean_turns_to_goal) == (0.5, 4)
    errored = count(material([replace(conversation(1, ERROR), substituted=True)]))
    assert (errored.errored, errored.substituted, "substituted" in errored.model_dump()) == (1, 0, False)


def test_pass_at_k_and_pass_pow_k_come_from_the_rate() -> None:
    found = count(material([conversation(1, GOAL), conversation(2), conversation(3), conversation(4)]))
    assert found.pass_at_k == pytest.approx(1 - 0.75**4)
    assert found.pass_pow_k == pytest.approx(0.25**4)


@pytest.mark.parametrize("played", [[conversation(1, ERROR), conversation(2, ERROR)], [conversation(1, judged=False)]])
def test_where_nothing_can_be_judged_rates_are_null(played: list[PlayedConversation]) -> None:
    found = count(material(played))
    assert (found.success_rate, found.success_interval, found.pass_at_k, found.pass_pow_k) == (None,) * 4
    assert (found.succeeded, found.unsuccessful, found.mean_turns_to_goal) == (0, 0, None)


def test_turns_to_goal_are_the_messages_judged_and_not_the_length() -> None:
    slipped_in = conversation(1, GOAL, ["a", "b", "c"], decided_by=2)
    found = count(material([slipped_in, conversation(2, GOAL, decided_by=6), conversation(3, decided_by=9)]))
    assert found.mean_turns_to_goal == 4
    assert found.turns_to_goal.model_dump() == pytest.approx({"p50": 4, "p90": 5.6})


def test_latency_counts_generated_agent_messages_alone() -> None:
    messages = [
        message(1, 1, "opponent", latency_ms=9000),
        message(1, 2, "agent", latency_ms=100),
        message(1, 4, "given", latency_ms=9000, given=True),
        message(1, 6, "inherited", latency_ms=9000, inherited=True),
        message(1, 8, "agent", latency_ms=300),
    ]
    found = count(material([conversation(1, messages=messages)]))
    assert found.latency_ms.model_dump() == pytest.approx({"p50": 200, "p95": 290})
    assert found.ttft_ms.model_dump() == pytest.approx({"p50": 20, "p95": 29})


def test_tokens_and_cost_are_those_of_everything_paid_for() -> None:
    usage = Usage(prompt_tokens=100, completion_tokens=20, cost_nanos=1_500_000)
    found = count(material([conversation(1)], usage=usage))
    assert found.tokens == {"prompt": 100, "completion": 20, "total": 120}
    assert found.actual_usd == 0.0015


def test_criteria_are_counted_where_the_last_judgement_knows() -> None:
    played = [
        conversation(1, GOAL, statuses={"polite": "met", "exact": "met"}),
        conversation(2, statuses={"polite": "met", "exact": "unmet"}),
        conversation(3, statuses={"polite": "unknown", "exact": "unmet"}),
        conversation(4, ERROR, statuses={"polite": "unmet", "exact": "unmet"}),
        conversation(5),
    ]
    polite, exact, never = criterion_rates(material(played, played=scenario(criteria=["polite", "exact", "never"])))
    assert (polite.id, polite.name, polite.satisfied_rate) == ("polite", "It is polite.", 1.0)
    assert exact.satisfied_rate == pytest.approx(1 / 3)
    assert exact.interval == pytest.approx(wilson(1, 3))
    assert (never.satisfied_rate, never.interval) == (None, None)
