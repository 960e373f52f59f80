"""What a revised prompt changes. Pure.

Comparing line by line takes the square of their number, and everything here waits for it: what two prompts have in
common at both ends is taken off first, and a rest of very many lines is shown as replaced.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Final

LINES_COMPARED: Final = 1_000
CONTEXT: Final = 3


def prompt_diff(current: str, revised: str) -> str:
    """A unified diff of two prompts, line by line; empty where they are the same."""
    old, new = current.splitlines(), revised.splitlines()
    begin = _common(old, new)
    end = min(_common(old[::-1], new[::-1]), len(old) - begin, len(new) - begin)
    if begin == len(old) == len(new):
        return ""
    first, last = max(0, begin - CONTEXT), max(0, end - CONTEXT)
    hunks = _hunks(old[first : len(old) - last], new[first : len(new) - last], first)
    return "\n".join(["--- current prompt", "+++ revised prompt", *hunks])


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """How many lines both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _hunks(old: Sequence[str], new: Sequence[str], before: int) -> Iterator[str]:
    """The hunks of two parts of prompts that `before` lines stand before."""
    if max(len(old), len(new)) > LINES_COMPARED:
        yield _heading(before, 0, len(old), 0, len(new))
        yield from (f"-{line}" for line in old)
        yield from (f"+{line}" for line in new)
        return
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(CONTEXT):
        yield _heading(before, group[0][1], group[-1][2], group[0][3], group[-1][4])
        for kind, old_begin, old_end, new_begin, new_end in group:
            if kind == "equal":
                yield from (f" {line}" for line in old[old_begin:old_end])
                continue
            yield from (f"-{line}" for line in old[old_begin:old_end])
            yield from (f"+{line}" for line in new[new_begin:new_end])


def _heading(before: int, old_begin: int, old_end: int, new_begin: int, new_end: int) -> str:
    return f"@@ -{_range(before, old_begin, old_end)} +{_range(before, new_begin, new_end)} @@"


def _range(before: int, begin: int, end: int) -> str:
    """Lines as a unified diff counts them: from 1; none are those behind the line before them."""
    length = end - begin
    first = before + begin + (1 if length else 0)
    return f"{first}" if length == 1 else f"{first},{length}"
