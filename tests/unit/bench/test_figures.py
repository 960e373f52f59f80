"""What the bench makes of what it measured; nothing here is timed."""

from typing import Any

import pytest

from bench.footprint import Footprint
from bench.model import Calls
from bench.report import markdown, turns
from bench.results import CaseResult, Results
from bench.traffic import Traffic
from bench.turns import FloorRun, ProductRun
from bench.workload import BEGIN, Case, point_of_view

STORE = {"insert": 2200, "query": 1000}


def call(role: str, started_at: float, ended_at: float, outcome: str = "finished") -> dict[str, Any]:
    return {"role": role, "startedAt": started_at, "endedAt": ended_at, "outcome": outcome}


def result(case: Case, product: list[float], floor: list[float]) -> CaseResult:
    footprint = Footprint({"llm-runner-0": 4.0, "mongod": 2.0}, {"llm-runner-0": 100.0, "mongod": 170.0}, 270.0)
    traffic = Traffic(STORE, 28_000, 16_000)
    return CaseResult(
        case,
        [FloorRun(seconds, 10.0) for seconds in floor],
        [ProductRun(seconds, seconds + 0.1, case.turns, footprint, traffic) for seconds in product],
    )


def test_span_of_calls_leaves_reports_out() -> None:
    calls = Calls.of([call("opponent", 10.0, 10.2), call("agent", 10.25, 10.45), call("report", 10.5, 12.0)])
    assert calls.count == 2
    assert calls.span_seconds == pytest.approx(0.45)


@pytest.mark.parametrize("calls", [[], [call("report", 1.0, 2.0)], [call("agent", 1.0, 2.0, "client_closed")]])
def test_calls_that_were_not_made_or_not_finished_measure_nothing(calls: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="measure nothing"):
        Calls.of(calls)


def test_each_side_sees_the_conversation_from_its_own_point_of_view() -> None:
    opponent, agent = point_of_view(["a", "b"], agent_speaks=False), point_of_view(["a"], agent_speaks=True)
    assert [message["role"] for message in opponent] == ["system", "user", "assistant", "user"]
    assert [message["content"] for message in opponent[1:]] == [BEGIN, "a", "b"]
    assert [(message["role"], message["content"]) for message in agent[1:]] == [("user", "a")]


def test_ratio_to_the_floor_is_taken_between_neighbours() -> None:
    slow_and_fast_machine = result(Case(100), product=[16.0, 8.0, 9.0], floor=[12.0, 6.0, 6.0])
    assert slow_and_fast_machine.times_floor == pytest.approx(16 / 12)


def test_targets_stand_beside_the_figures() -> None:
    plain, judged = result(Case(10), [5.0], [4.2]), result(Case(10, judged=True), [5.6], [4.2])
    table = turns([result(Case(1), [4.7], [4.1]), plain, judged, result(Case(100), [12.0], [10.0])])
    assert "1.18 <= 1.15 x ideal: NO" in table
    assert "1.25 <= 1.3 x ideal: yes" in table
    assert "1.12 <= 1.1 x judge off: NO" in table
    assert "1.20 <= 1.4 x floor: yes" in table


def test_report_shows_costs_a_turn_and_the_memory_of_the_stack() -> None:
    results = Results([result(Case(100), [8.0], [11.0])], [], {"llm-runner-0": 80.0, "mongod": 135.0}, {"cores": "2"})
    text = markdown(results)
    assert "| 100 | off | 5.0 | 2.00 | 1.00 | **3.0** | 1.1 | 0.5 | 14.0 | 8.0 |" in text
    assert "**270** <= 700: yes" in text
