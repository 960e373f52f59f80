"""Lengths of time in settings."""

import pytest
from pydantic import Field, ValidationError

from shared.durations import Days, Duration, Hours, Seconds, WholeSeconds
from shared.settings import Fragment


class Timed(Fragment):
    wait_seconds: Seconds = Field(default=5.0, ge=0, le=600)
    stop_seconds: WholeSeconds = 20
    age_hours: Hours = 72.0
    days_kept: Days = 30.0


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("20", 20),
        ("0.25", 0.25),
        ("1e1", 10),
        ("20s", 20),
        ("1.5m", 90),
        ("250ms", 0.25),
        (" 2 m ", 120),
        ("0.1h", 360),
    ],
)
def test_a_number_of_seconds_may_have_a_unit(monkeypatch: pytest.MonkeyPatch, written: str, seconds: float) -> None:
    monkeypatch.setenv("AGENTWARS_WAIT_SECONDS", written)
    assert Timed().wait_seconds == pytest.approx(seconds)


def test_a_plain_number_counts_the_units_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, written in {"AGE_HOURS": "1", "DAYS_KEPT": "2", "STOP_SECONDS": "3"}.items():
        monkeypatch.setenv(f"AGENTWARS_{name}", written)
    assert (Timed().age_hours, Timed().days_kept, Timed().stop_seconds) == (1, 2, 3)
    for name, written in {"AGE_HOURS": "7d", "DAYS_KEPT": "36h", "STOP_SECONDS": "1m"}.items():
        monkeypatch.setenv(f"AGENTWARS_{name}", written)
    assert (Timed().age_hours, Timed().days_kept, Timed().stop_seconds) == (168, 1.5, 60)


@pytest.mark.parametrize("written", ["", "s", "20 seconds", "1m30s", "-5s", "11m", "-1", "nan"])
def test_what_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("AGENTWARS_WAIT_SECONDS", written)
    with pytest.raises(ValidationError):
        Timed()


def test_it_is_written_with_the_longest_unit_that_fits() -> None:
    seconds = [Duration("s").written(one) for one in (0, 0.03, 1.25, 20, 90, 330, 1800, 7200, 604_800)]
    assert seconds == ["0s", "30ms", "1.25s", "20s", "90s", "330s", "30m", "2h", "7d"]
    assert (Duration("h").written(72), Duration("d").written(30)) == ("3d", "30d")
