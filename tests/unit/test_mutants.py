"""Every row of `make mutants` still means the product and the tests of today."""

import ast
from pathlib import Path

import pytest

from mutants.mutant import DoesNotApply, Mutant
from mutants.rows import MUTANTS

ROOT = Path(__file__).parents[2]
ROWS = [pytest.param(mutant, id=f"{part}: {mutant.fault}") for part, some in MUTANTS.items() for mutant in some]
A_PART = 20


def functions(module: Path) -> set[str]:
    tree = ast.parse(module.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("mutant", ROWS)
def test_mutant_applies_to_the_product_as_it_is(mutant: Mutant) -> None:
    mutated = mutant.applied(ROOT)
    assert mutated != (ROOT / mutant.file).read_text()
    compile(mutated, mutant.file, "exec")


@pytest.mark.parametrize("mutant", ROWS)
def test_tests_that_kill_a_mutant_exist(mutant: Mutant) -> None:
    assert mutant.killed_by
    for test in mutant.killed_by:
        module, _, name = test.partition("::")
        assert (ROOT / module).is_file(), module
        assert not name or name in functions(ROOT / module), test


@pytest.mark.parametrize("part", MUTANTS)
def test_part_has_its_mutants_each_of_another_fault(part: str) -> None:
    faults = [mutant.fault for mutant in MUTANTS[part]]
    assert len(set(faults)) == len(faults) >= A_PART


@pytest.mark.parametrize(("file", "count"), [("none.py", 0), ("twice.py", 2), ("gone.py", None)])
def test_text_that_does_not_stand_there_once_is_no_mutant(tmp_path: Path, file: str, count: int | None) -> None:
    if count is not None:
        (tmp_path / file).write_text("guard()\n" * count)
    with pytest.raises(DoesNotApply, match=file):
        Mutant("a fault", file, old="guard()", new="pass", killed_by=()).applied(tmp_path)
