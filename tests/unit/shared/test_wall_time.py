"""What a clock that jumps may change: every comparison of wall time is in the table of decision 7, and no other."""

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest

from orchestrator.conversation_facts import ConversationFacts
from orchestrator.decide import decide
from shared.contracts import timestamps
from shared.contracts.settings import ConversationSettings, Participant
from shared.messaging.settlement import KeepAlive

ROOT = Path(__file__).parents[3]
TABLE = ROOT / "docs" / "decisions" / "0007-wall-time-decides-nothing-exact.md"
PRESENT = r"(?<!\.)\b(?:now\(\)|moment|datetime\.now\(UTC\)|time\.time\(\))"
COMPARED = re.compile(rf"{PRESENT}\s*(?:-(?!>)|<|>|//)|(?:<=|>=|<|>|-)\s*{PRESENT}|now >= facts")
ADDED = re.compile(r"moment - timedelta")
HOUR = timedelta(hours=1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEAKER = Participant(name="speaker", system_prompt="speak", provider="demo", model="demo-fast")


def test_every_comparison_of_wall_time_is_in_the_table() -> None:
    listed = set(re.findall(r"^\| `([^`]+)`", TABLE.read_text(), re.MULTILINE))
    assert listed == {_name(path) for path in _sources() if _compares(path)}


def _sources() -> list[Path]:
    return [*ROOT.glob("shared/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py")]


def _name(path: Path) -> str:
    """`service/module.py`, without what lies between."""
    return "/".join(path.relative_to(ROOT).parts[path.relative_to(ROOT).parts.index("src") + 1 :])


def _compares(path: Path) -> bool:
    return any(COMPARED.search(line) and not ADDED.search(line) for line in path.read_text().splitlines())


@pytest.mark.parametrize("messages", range(5))
@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_jump_changes_nothing_that_a_conversation_is_owed_within_its_time(messages: int, jump: timedelta) -> None:
    settings = ConversationSettings(agent=SPEAKER, opponent=SPEAKER, message_limit=6)
    facts = ConversationFacts(messages=messages, settings=settings, deadline_at=NOW + 2 * HOUR)
    assert decide(facts, NOW + jump) == decide(facts, NOW)


def test_a_handler_is_not_taken_for_a_frozen_one_when_the_clock_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    lifeline = KeepAlive(Mock(), ack_wait_seconds=15, handler_limit_seconds=120)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    monkeypatch.setattr(timestamps, "now", lambda: NOW + HOUR)
    assert not lifeline.lost
