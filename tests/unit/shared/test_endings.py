"""The table of reasons to end: every reason has its row."""

from shared.contracts.endings import ENDINGS, FAILED
from shared.contracts.enums import EndedReason


def test_every_reason_has_a_row() -> None:
    assert tuple(ENDINGS) == tuple(EndedReason)


def test_what_ended_by_an_error_is_what_failed() -> None:
    assert FAILED == (EndedReason.ERROR,)


def test_an_end_is_listed_by_what_it_means() -> None:
    assert {reason.value: ending.status for reason, ending in ENDINGS.items() if ending.status != "complete"} == {
        "error": "failed",
        "canceled": "canceled",
    }
