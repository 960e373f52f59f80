"""What a revised prompt changes, as the field's own tool would say it, in bounded steps."""

from collections.abc import Sequence
from difflib import SequenceMatcher, unified_diff
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from summarizer import prompt_diff as module
from summarizer.prompt_diff import LINES_COMPARED, prompt_diff

LINES = st.lists(st.sampled_from(["a", "b", "", "-", "c d"]), max_size=30)


@given(LINES, LINES)
def test_it_is_a_unified_diff_that_makes_the_one_the_other(old: list[str], new: list[str]) -> None:
    diff = prompt_diff("\n".join(old), "\n".join(new)).splitlines()
    kept_old, kept_new = "\n".join(old).splitlines(), "\n".join(new).splitlines()
    assert _applied(kept_old, diff) == kept_new
    if kept_old == kept_new:
        assert diff == []


def test_it_is_what_the_standard_library_says_of_a_change_in_the_middle() -> None:
    old = [f"line {number}" for number in range(40)]
    new = [*old[:20], "other", *old[21:30], "added", *old[30:]]
    expected = unified_diff(old, new, "current prompt", "revised prompt", lineterm="")
    assert prompt_diff("\n".join(old), "\n".join(new)) == "\n".join(expected)


@pytest.mark.parametrize("lines", [16_000, 2 * LINES_COMPARED])
def test_very_many_lines_are_shown_as_replaced_and_never_compared(lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    class Watched(SequenceMatcher[str]):
        def __init__(self, junk: None, old: Sequence[str], new: Sequence[str], **more: Any) -> None:
            compared.append(max(len(old), len(new)))
            super().__init__(junk, old, new, **more)

    monkeypatch.setattr(module, "SequenceMatcher", Watched)
    old = [f"{number}" for number in range(lines)]
    diff = prompt_diff("\n".join(["head", *old, "tail"]), "\n".join(["head", *old[::-1], "tail"])).splitlines()
    assert compared == []
    assert _applied(["head", *old, "tail"], diff) == ["head", *old[::-1], "tail"]
    changed = prompt_diff("\n".join(old), "\n".join([*old[:9], "new", *old[9:]])).splitlines()
    assert changed[3:] == [" 6", " 7", " 8", "+new", " 9", " 10", " 11"]
    assert max(compared) <= LINES_COMPARED


def _applied(old: list[str], diff: list[str]) -> list[str]:
    """The lines a unified diff makes of others."""
    made, read = [], 0
    for line in diff[2:]:
        if line.startswith("@@ "):
            first, _, length = line.split()[1].removeprefix("-").partition(",")
            begin = int(first) - (0 if length == "0" else 1)
            made += old[read:begin]
            read = begin
        elif line.startswith("+"):
            made.append(line[1:])
        else:
            assert line[1:] == old[read]
            made += [line[1:]] if line.startswith(" ") else []
            read += 1
    return made + old[read:]
