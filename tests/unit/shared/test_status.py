"""The status object, and how a run ends."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.contracts.enums import EndedReason, RunKind, RunStatus, Wanted
from shared.contracts.runs import Control, Outcome, Run, status_view
from shared.contracts.timestamps import now
from shared.contracts.transcript import Usage
from shared.run_endings import final_status, total_usage
from support.builders import message, run, usage_row


def made(wanted: Wanted = Wanted.RUN, **fields: Any) -> Run:
    return run(control=Control(wanted=wanted, changed_at=now()), **fields)


@pytest.mark.parametrize(
    ("of", "status", "terminal"),
    [
        (made(), RunStatus.QUEUED, False),
        (made(started_at=now(), status=RunStatus.RUNNING), RunStatus.RUNNING, False),
        (made(Wanted.PAUSE), RunStatus.PAUSING, False),
        (made(Wanted.PAUSE, started_at=now(), status=RunStatus.RUNNING), RunStatus.PAUSING, False),
        (made(Wanted.PAUSE, started_at=now(), status=RunStatus.PAUSED), RunStatus.PAUSED, False),
        (made(Wanted.CANCEL, started_at=now(), status=RunStatus.PAUSED), RunStatus.CANCELING, False),
        (made(Wanted.CANCEL), RunStatus.CANCELING, False),
        (made(Wanted.CANCEL, status=RunStatus.CANCELED), RunStatus.CANCELED, True),
        (made(status=RunStatus.COMPLETE), RunStatus.COMPLETE, True),
        (made(Wanted.PAUSE, status=RunStatus.FAILED), RunStatus.FAILED, True),
    ],
)
def test_status_shows_what_is_wanted_until_it_is_true(of: Run, status: RunStatus, terminal: bool) -> None:
    view = status_view(of)
    assert (view.status, view.terminal) == (status, terminal)


@given(
    total=some.integers(1, 300),
    concurrency=some.integers(1, 50),
    completed=some.integers(0, 300),
    failed=some.integers(0, 300),
    started=some.booleans(),
)
def test_figures_stay_within_their_bounds(
    total: int, concurrency: int, completed: int, failed: int, started: bool
) -> None:
    completed = min(completed, total)
    failed = min(failed, total - completed)
    view = status_view(
        made(
            total=total,
            concurrency=concurrency,
            completed=completed,
            failed=failed,
            ended=tuple(range(1, completed + failed + 1)),
            started_at=now() if started else None,
        )
    )
    assert 0 <= view.progress <= 100
    assert 0 <= view.in_progress <= min(concurrency, total - completed - failed)
    assert len(view.conversation_ids) == min(100, total)
    assert view.conversation_ids_truncated is (total > 100)


def test_nothing_is_in_progress_when_the_run_has_ended() -> None:
    ended = made(total=4, started_at=now(), status=RunStatus.CANCELED, ended=(1, 2))
    assert status_view(ended).in_progress == 0


SINGLE: dict[str, Any] = {"current_turn": 7, "outcome": Outcome(ended_reason=EndedReason.GOAL, goal_reached=True)}


@pytest.mark.parametrize(("total", "shown"), [(1, (7, True, EndedReason.GOAL, None)), (2, (None, None, None, None))])
def test_fields_of_a_conversation_are_shown_where_there_is_one(total: int, shown: tuple[object, ...]) -> None:
    view = status_view(made(total=total, **SINGLE))
    assert (view.current_turn, view.goal_reached, view.ended_reason, view.winner) == shown


@pytest.mark.parametrize(
    ("kind", "folder"),
    [
        (RunKind.BATTLE, "battles"),
        (RunKind.SCALE, "scale"),
        (RunKind.COMPARISON, "comparisons"),
        (RunKind.CHAT, "runs"),
    ],
)
def test_run_is_linked_where_its_kind_is_read(kind: RunKind, folder: str) -> None:
    of = made(kind=kind, report_ready=True)
    view = status_view(of)
    assert view.links.status == f"/api/{folder}/{of.id}/status"
    assert view.download_url == f"/api/{folder}/{of.id}/report?format=html"


@pytest.mark.parametrize(
    ("of", "status"),
    [
        (made(total=2, completed=2), RunStatus.COMPLETE),
        (made(total=2, completed=1, failed=1), RunStatus.COMPLETE),
        (made(total=2, failed=2), RunStatus.FAILED),
        (made(Wanted.CANCEL, total=2, failed=2), RunStatus.CANCELED),
    ],
)
def test_run_fails_only_when_every_conversation_did(of: Run, status: RunStatus) -> None:
    assert final_status(of) is status


def test_attempt_that_stands_in_a_result_is_not_booked_twice() -> None:
    entry = message("r-1", 1, attempt="a1")
    rows = [usage_row("r", "r-1:1:turn", id=attempt, usage=Usage(cost_nanos=7)) for attempt in ("a1", "a2")]
    assert total_usage([entry], [], rows).cost_nanos == entry.usage.cost_nanos + 7
