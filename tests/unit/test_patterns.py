"""No pattern of the product takes the square of what it reads: event loops stood still for seconds over one (a fence).

A rule that is simple, and stricter than it must be. In no pattern do two unbounded repetitions meet that could share
the same characters: neither one inside the other, nor one behind the other with nothing between them that the first
cannot read. And none that is searched for begins with one that something must follow: every place would be a start.
What is harmless all the same is named here, with its reason. Patterns are constants, so that all of them are seen.
"""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PRODUCT = ("shared", "gateway", "orchestrator", "llm_runner", "summarizer", "agentwars")
HARMLESS: dict[str | bytes, str] = {
    r"(.+)-([0-9]{1,10})": "matched as a whole, and gives back over at most ten digits",
}
FUNCTIONS = frozenset({"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"})

# Typeshed does not know the parser that `re` itself uses.
_constants: Any = importlib.import_module("re._constants")
_parser: Any = importlib.import_module("re._parser")
_compiler: Any = importlib.import_module("re._compiler")
REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT}
SAMPLES = [*map(chr, range(0x300)), "\u2028", "\u200b", "中", "\U0001f600"]


def modules(package: str) -> Iterator[ModuleType]:
    root = importlib.import_module(package)
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def compiled() -> Iterator[re.Pattern[Any]]:
    """Every pattern that a module of the product holds."""
    for package in PRODUCT:
        for module in modules(package):
            yield from (value for value in vars(module).values() if isinstance(value, re.Pattern))


def sources() -> Iterator[Path]:
    for package in PRODUCT:
        yield from (
            Path(path) for root in importlib.import_module(package).__path__ for path in Path(root).rglob("*.py")
        )


def asked_of_re(path: Path) -> Iterator[tuple[str, ast.expr]]:
    """The calls of `re` in a file: the function, and its pattern."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            called = node.func
            if isinstance(called.value, ast.Name) and called.value.id == "re" and called.attr in FUNCTIONS:
                yield called.attr, node.args[0]


def problems(pattern: str | bytes, flags: int = 0) -> list[str]:
    """What the rule finds in a pattern."""
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    tree = _parser.parse(text, flags & ~re.UNICODE)
    found = list(_sequence(list(tree), tree.state))
    if _begins_unbounded(list(tree), flags, tree.state):
        found.append("every place is a start of its first repetition")
    return found


def _sequence(nodes: list[Any], state: Any) -> Iterator[str]:
    flat = list(_flattened(nodes))
    for place, (kind, value) in enumerate(flat):
        if kind is _constants.BRANCH:
            for branch in value[1]:
                yield from _sequence(list(branch), state)
        if kind in REPEATS:
            yield from _sequence(list(value[2]), state)
            if _unbounded((kind, value)):
                yield from _inside(list(value[2]), state)
                yield from _behind(flat, place, state)


def _inside(body: list[Any], state: Any) -> Iterator[str]:
    """Repetitions inside an unbounded one, unless each round begins with a sign that they cannot read."""
    flat = list(_flattened(body))
    begins = _first_signs(flat, state)
    for node in _repetitions(flat):
        if not begins or begins & _signs(node, state):
            yield "a repetition inside a repetition"


def _repetitions(flat: list[Any]) -> Iterator[Any]:
    """The unbounded ones, those in branches and in bounded ones too."""
    for kind, value in flat:
        if _unbounded((kind, value)):
            yield kind, value
        inner = value[1] if kind is _constants.BRANCH else [value[2]] if kind in REPEATS else []
        for nodes in inner:
            yield from _repetitions(list(_flattened(list(nodes))))


def _behind(flat: list[Any], place: int, state: Any) -> Iterator[str]:
    signs = _signs(flat[place], state)
    for node in flat[place + 1 :]:
        overlap = signs & _first_signs([node], state)
        if _unbounded(node) and overlap:
            yield "a repetition behind a repetition of the same signs"
        if not overlap and not _may_be_empty(node):
            return


def _begins_unbounded(nodes: list[Any], flags: int, state: Any) -> bool:
    """Whether a search begins with an unbounded repetition that something must follow, at more than a few places."""
    flat = list(_flattened(nodes))
    if flat and flat[0] == (_constants.AT, _constants.AT_BEGINNING) and flags & re.MULTILINE:
        # A line's beginning is one place only for what reads no line end.
        flat = flat[1:] if len(flat) > 1 and "\n" in _signs(flat[1], state) else []
    follows = any(kind is _constants.AT or not _may_be_empty((kind, value)) for kind, value in flat[1:])
    return bool(flat) and _unbounded(flat[0]) and follows


def _flattened(nodes: list[Any]) -> Iterator[Any]:
    """The nodes of a sequence; those of its groups stand in it themselves."""
    for kind, value in nodes:
        if kind is _constants.SUBPATTERN:
            yield from _flattened(list(value[3]))
        else:
            yield kind, value


def _first_signs(flat: list[Any], state: Any) -> frozenset[str]:
    """The sample signs that what these nodes read can begin with."""
    signs: frozenset[str] = frozenset()
    for kind, value in flat:
        if kind in REPEATS:
            signs |= _first_signs(list(_flattened(list(value[2]))), state)
        elif kind is _constants.BRANCH:
            signs |= frozenset().union(*(_first_signs(list(_flattened(list(one))), state) for one in value[1]))
        else:
            signs |= _signs((kind, value), state)
        if not _may_be_empty((kind, value)):
            break
    return signs


def _unbounded(node: Any) -> bool:
    kind, value = node
    return kind in REPEATS and value[1] is _constants.MAXREPEAT


def _may_be_empty(node: Any) -> bool:
    kind, value = node
    if kind in REPEATS:
        return bool(value[0] == 0) or all(_may_be_empty(inner) for inner in _flattened(list(value[2])))
    if kind is _constants.BRANCH:
        return any(all(map(_may_be_empty, _flattened(list(branch)))) for branch in value[1])
    return kind in (_constants.AT, _constants.ASSERT, _constants.ASSERT_NOT, _constants.GROUPREF)


def _signs(node: Any, state: Any) -> frozenset[str]:
    """The sample signs that can stand anywhere in what a node reads."""
    kind, value = node
    if kind in REPEATS:
        return frozenset().union(*(_signs(inner, state) for inner in _flattened(list(value[2]))))
    if kind is _constants.BRANCH:
        return frozenset().union(*(_signs(inner, state) for branch in value[1] for inner in _flattened(list(branch))))
    if kind not in (_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY):
        return frozenset()
    alone = _compiler.compile(_parser.SubPattern(state, [node]), state.flags)
    return frozenset(sign for sign in SAMPLES if alone.fullmatch(sign))


BAD = [
    (r"^```[a-zA-Z]*\s*\n(.*?)\n?```$", re.DOTALL),
    (r"(a+)+$", 0),
    (r"^(\s*\w*)*$", 0),
    (r"^\d+\d+x", 0),
    (r"^\s*(?:x?)\s*y", 0),
    (r"\s+$", 0),
    (r"(\w+)@", 0),
    (r"^(?:a|b+)*c", 0),
    (r"^\s*x", re.MULTILINE),
]
GOOD = [
    (r"^```[a-zA-Z]*[ \t]*\n", re.DOTALL),
    (r"[^\W_]+(?:'[^\W_]+)*", 0),
    (r"^[a-z]+-[0-9]+", 0),
    (r"[0-9]{1,9}(?=[.)])", 0),
    (r"^\w+\s+\d", 0),
    (r"^\s*x", 0),
    (r"^[ \t]*>>>", re.MULTILINE),
]


@pytest.mark.parametrize(("pattern", "flags"), BAD)
def test_the_rule_finds_what_takes_the_square(pattern: str, flags: int) -> None:
    assert problems(pattern, flags)


@pytest.mark.parametrize(("pattern", "flags"), GOOD)
def test_the_rule_lets_the_others_be(pattern: str, flags: int) -> None:
    assert problems(pattern, flags) == []


def test_no_pattern_of_the_product_takes_the_square_of_what_it_reads() -> None:
    found = {one.pattern: problems(one.pattern, one.flags) for one in compiled()}
    assert len(found) > 15
    assert {pattern: why for pattern, why in found.items() if why and pattern not in HARMLESS} == {}
    assert set(HARMLESS) <= {pattern for pattern, why in found.items() if why}


def test_every_pattern_of_the_product_is_a_constant_that_this_rule_sees() -> None:
    known = {one.pattern for one in compiled()}
    for path in sources():
        for function, pattern in asked_of_re(path):
            if isinstance(pattern, ast.Constant) and isinstance(pattern.value, str | bytes):
                assert pattern.value in known or problems(pattern.value) == [], path
            else:
                assert function == "compile", f"{path}: a pattern that is put together where it is used"
