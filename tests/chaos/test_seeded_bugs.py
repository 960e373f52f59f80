"""Every bug that is planted to be caught still finds its line."""

import pytest

from chaos.seeded_bugs import BUGS, ROOT, SOURCES, Bug


@pytest.mark.parametrize("bug", [pytest.param(bug, id=name) for name, bug in BUGS.items()])
def test_a_seeded_bug_finds_the_line_it_spoils(bug: Bug) -> None:
    (file,) = [path for source in SOURCES if (path := ROOT / source / "src" / bug.file).exists()]
    assert file.read_text().count(bug.sound) == 1
