"""What pydantic found in a request, in words about its fields."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.errors import FieldProblem

Context = Mapping[str, Any]

KINDS: Final = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number, not NaN or Infinity",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "mapping_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dataclass_type": "an object",
}
"""What a field must be, by the error of a value of another kind."""
SENTENCES: Final[dict[str, Callable[[Context], str]]] = {
    "missing": lambda _: "is required",
    "string_unicode": lambda _: "holds half of a surrogate pair, which is no character",
    "string_too_short": lambda found: f"must have at least {_count(found['min_length'], 'character')}",
    "string_too_long": lambda found: f"must have at most {_count(found['max_length'], 'character')}",
    "string_pattern_mismatch": lambda found: f"must match {found['pattern']}",
    "too_short": lambda found: f"must hold at least {_count(found['min_length'], 'item')}",
    "too_long": lambda found: f"must hold at most {_count(found['max_length'], 'item')}",
    "greater_than": lambda found: f"must be more than {found['gt']:g}",
    "greater_than_equal": lambda found: f"must be at least {_number(found['ge'])}",
    "less_than": lambda found: f"must be less than {found['lt']:g}",
    "less_than_equal": lambda found: f"must be at most {_number(found['le'])}",
    "literal_error": lambda found: f"must be {found['expected']}",
    "enum": lambda found: f"must be {found['expected']}",
}
TYPES: Final = frozenset({"str", "int", "float", "bool", "list", "dict", "none"})
_NOTHING: Final = object()
BOUNDS: Final = ("le", "lt", "ge", "gt", "max_length", "min_length", "expected", "pattern", "bound")


def problems(errors: Sequence[Mapping[str, Any]], body: object = None) -> list[FieldProblem]:
    """Every field that is refused, once; `body` is what was validated."""
    by_field: dict[str, list[_Found]] = {}
    for error in errors:
        found = _Found(error, body)
        by_field.setdefault(found.field, []).append(found)
    return [_problem(field, found) for field, found in _without_branches(by_field)]


class _Found:
    """One error, and the field it is about."""

    def __init__(self, error: Mapping[str, Any], body: object) -> None:
        self.type = str(error["type"])
        self.context: Context = error.get("ctx") or {}
        self.message = str(error["msg"])
        where = list(error["loc"])
        source = where.pop(0) if len(where) > 1 or where == ["body"] else ""
        path, self.of_union = _path(where, body) if source == "body" else ([str(one) for one in where], False)
        # Where in a text that is no JSON the reader stopped is no field.
        self.field = "body" if self.type == "json_invalid" else ".".join(path) or str(source)


def _path(where: Sequence[str | int], body: object) -> tuple[list[str], bool]:
    """The field, without the names of the branches of a union that the value was tried by; whether there were any."""
    path: list[str] = []
    standing, of_union = body, False
    for part in where:
        held = _held(standing, part)
        if held is _NOTHING and _is_branch(part):
            of_union = True
            continue
        standing = held
        path.append(str(part))
    return path, of_union


def _held(standing: object, part: str | int) -> object:
    if isinstance(standing, list):
        return standing[part] if isinstance(part, int) and part < len(standing) else _NOTHING
    return standing.get(part, _NOTHING) if isinstance(standing, dict) else _NOTHING


def _is_branch(part: str | int) -> bool:
    """Whether a part of a path is pydantic's name of a type: `list[constrained-str]`, `str`, `WirePart`; no field's."""
    return isinstance(part, str) and (part in TYPES or part[:1].isupper() or not part.isidentifier())


def _without_branches(by_field: dict[str, list[_Found]]) -> Iterator[tuple[str, list[_Found]]]:
    """Without what only says that a value is of no other branch's kind, where one branch knows more of it."""
    for field, found in by_field.items():
        if any(one.of_union for one in found):
            deeper = any(other.startswith(f"{field}.") for other in by_field)
            of_kind = [one for one in found if one.type != "literal_error"]
            telling = [one for one in of_kind if one.type not in KINDS]
            if deeper and not telling:
                continue
            found = telling or of_kind or found
        yield field, found


def _problem(field: str, found: Sequence[_Found]) -> FieldProblem:
    if all(one.type in KINDS for one in found):
        return FieldProblem(field, "must be " + ", or ".join(dict.fromkeys(KINDS[one.type] for one in found)))
    first = found[0]
    bound = next((first.context[name] for name in BOUNDS if name in first.context), None)
    return FieldProblem(field, _sentence(first), bound)


def _sentence(found: _Found) -> str:
    if found.type == "json_invalid":
        return f"is not valid JSON ({found.context.get('error', 'cannot be read')})"
    said = SENTENCES.get(found.type)
    return said(found.context) if said else found.message


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _number(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"
