"""The command line's words are the gateway's: it is installed without it, and holds them once more."""

from typing import get_args

from agentwars.client import FORMS, KINDS
from agentwars.terminal.formatting import state
from gateway.exports import EXPORTS
from gateway.schemas.answers import ConversationStatus
from shared.contracts.enums import EndedReason, RunKind, RunStatus


def test_forms_and_kinds_are_those_of_the_gateway() -> None:
    assert tuple(EXPORTS) == FORMS
    assert tuple(RunKind) == KINDS


def test_every_status_has_its_glyph_and_a_reason_to_end_has_one_too() -> None:
    without_goal = {str(state(reason)) for reason in EndedReason} - {"✓ goal", "⊘ canceled", "! error"}

    assert all(shown.startswith("✗ ") for shown in without_goal)
    assert len(without_goal) == len(EndedReason) - 3
    assert not [word for word in (*RunStatus, *get_args(ConversationStatus)) if str(state(word)).startswith("✗")]
