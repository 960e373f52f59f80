"""The table of run kinds: every kind has its row, and nothing else knows what holds for a kind."""

import ast
from pathlib import Path

from shared.contracts.enums import Lane, Purpose, RunKind
from shared.contracts.kinds import (
    ANSWER_PURPOSES,
    ANSWERED,
    FINITE,
    FOLDERS,
    KINDS,
    LANE_OF,
    MESSAGE_PURPOSES,
    PLAYED,
)

ROOT = Path(__file__).parents[3]
PRODUCTS = [*sorted((ROOT / "services").glob("*/src")), ROOT / "shared/src"]
TELLS_APART = ast.Dict | ast.Set | ast.Tuple | ast.List | ast.BoolOp


def test_every_kind_has_a_row() -> None:
    assert tuple(KINDS) == tuple(RunKind)


def test_nothing_but_the_table_tells_several_kinds_apart() -> None:
    """What makes or serves one kind names it; who names two of them at once keeps a table of their own."""
    tables = [
        f"{path.relative_to(folder)}:{node.lineno}"
        for folder in PRODUCTS
        for path in folder.rglob("*.py")
        if path.name != "kinds.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, TELLS_APART) and len(_kinds_named(node)) > 1
    ]

    assert tables == []


def test_what_is_derived_from_the_rows() -> None:
    assert {*PLAYED} | {*ANSWERED} == {*KINDS}
    assert ANSWERED == (RunKind.CHAT, RunKind.ASSIST)
    assert RunKind.CHAT not in FINITE
    assert FOLDERS == {"runs": "run", "battles": "battle", "scale": "scale_test", "comparisons": "comparison"}
    assert {Purpose.TURN, Purpose.CHAT, Purpose.ASSIST} == MESSAGE_PURPOSES
    assert {Purpose.CHAT, Purpose.ASSIST} == ANSWER_PURPOSES
    assert {purpose for purpose in Purpose if LANE_OF[purpose] is Lane.LIVE} == ANSWER_PURPOSES


def test_a_model_writes_in_the_report_of_more_than_a_single_battle() -> None:
    assert [KINDS[RunKind.BATTLE].has_prose(conversations) for conversations in (1, 2)] == [False, True]
    assert KINDS[RunKind.SCALE].has_prose(1)
    assert not KINDS[RunKind.CHAT].has_prose(100)


def _kinds_named(node: ast.AST) -> set[str]:
    """The members of `RunKind` it names."""
    attributes = [one for one in ast.walk(node) if isinstance(one, ast.Attribute)]
    return {one.attr for one in attributes if isinstance(one.value, ast.Name) and one.value.id == "RunKind"}
