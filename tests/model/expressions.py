"""The part of MongoDB's aggregation language that the repositories use; a contract test holds it against mongod."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

Document = dict[str, Any]


class Missing:
    """A field that is not there: neither null nor a value."""


MISSING = Missing()


def get(document: Any, path: str) -> Any:
    """The value at a dotted path, or MISSING."""
    for name in path.split("."):
        if not isinstance(document, Mapping) or name not in document:
            return MISSING
        document = document[name]
    return document


def put(document: Document, path: str, value: Any) -> None:
    """Sets a dotted path. A MISSING value leaves the field out, but makes what holds it."""
    *parents, last = path.split(".")
    for name in parents:
        if not isinstance(document.get(name), dict):
            document[name] = {}
        document = document[name]
    if value is MISSING:
        document.pop(last, None)
    else:
        document[last] = value


def drop(document: Document, path: str) -> None:
    """Removes a dotted path, where it is."""
    *parents, last = path.split(".")
    for name in parents:
        inner = document.get(name)
        if not isinstance(inner, dict):
            return
        document = inner
    document.pop(last, None)


def _null(value: Any) -> bool:
    return value is MISSING or value is None


def order(value: Any) -> tuple[int, Any]:
    """A key by which values of different types compare as in BSON: missing, null, numbers, text, booleans, dates."""
    if value is MISSING:
        return (0, 0)
    if value is None:
        return (1, 0)
    if isinstance(value, bool):
        return (5, value)
    if isinstance(value, int | float):
        return (2, value)
    if isinstance(value, str):
        return (3, value)
    if isinstance(value, datetime):
        return (6, value)
    raise AssertionError(f"values of {type(value).__name__} are not compared here")


def _added(values: list[Any]) -> Any:
    return None if any(_null(value) for value in values) else sum(values)


def _subtracted(values: list[Any]) -> Any:
    if any(_null(value) for value in values):
        return None
    difference = values[0] - values[1]
    if isinstance(difference, timedelta):
        return round(difference.total_seconds() * 1000)
    return difference


def _largest(values: list[Any]) -> Any:
    there = [value for value in values if not _null(value)]
    return max(there, key=order) if there else None


def _equal(values: list[Any]) -> bool:
    one, other = values
    if (one is MISSING) != (other is MISSING) or isinstance(one, bool) != isinstance(other, bool):
        return False
    return bool(one == other)


def _true(value: Any) -> bool:
    return not _null(value) and value is not False and value != 0


def _objects(values: list[Any]) -> Any:
    return None if _null(values[0]) else [{"k": name, "v": value} for name, value in values[0].items()]


def _joined(values: list[Any]) -> Any:
    return None if any(_null(value) for value in values) else [item for value in values for item in value]


OPERATORS: dict[str, Callable[[list[Any]], Any]] = {
    "$add": _added,
    "$subtract": _subtracted,
    "$divide": lambda values: None if any(map(_null, values)) else values[0] / values[1],
    "$max": _largest,
    "$eq": _equal,
    "$lt": lambda values: order(values[0]) < order(values[1]),
    "$gt": lambda values: order(values[0]) > order(values[1]),
    "$lte": lambda values: order(values[0]) <= order(values[1]),
    "$and": lambda values: all(map(_true, values)),
    "$or": lambda values: any(map(_true, values)),
    "$not": lambda values: not _true(values[0]),
    "$in": lambda values: values[0] in values[1],
    "$ifNull": lambda values: next((value for value in values[:-1] if not _null(value)), values[-1]),
    "$concatArrays": _joined,
    "$objectToArray": _objects,
    "$anyElementTrue": lambda values: any(map(_true, values[0])),
}


def evaluate(expression: Any, document: Document, names: Mapping[str, Any] | None = None) -> Any:
    """An expression's value for a document; `names` are the variables it may use."""
    known = names or {}
    if isinstance(expression, str) and expression.startswith("$"):
        return _field(expression, document, known)
    if isinstance(expression, list | tuple):
        items = [evaluate(item, document, known) for item in expression]
        return [None if item is MISSING else item for item in items]
    if not isinstance(expression, dict):
        return expression
    operator = next(iter(expression), "")
    if operator.startswith("$"):
        return _applied(operator, expression[operator], document, known)
    found = {name: evaluate(value, document, known) for name, value in expression.items()}
    return {name: value for name, value in found.items() if value is not MISSING}


def _field(expression: str, document: Document, names: Mapping[str, Any]) -> Any:
    if expression.startswith("$$"):
        name, _, path = expression[2:].partition(".")
        return get(names[name], path) if path else names[name]
    return get(document, expression[1:])


def _applied(operator: str, given: Any, document: Document, names: Mapping[str, Any]) -> Any:
    if operator == "$cond":
        test, then, otherwise = given
        return evaluate(then if _true(evaluate(test, document, names)) else otherwise, document, names)
    if operator == "$map":
        items = evaluate(given["input"], document, names)
        return [evaluate(given["in"], document, {**names, given["as"]: item}) for item in items]
    parts = given if isinstance(given, list | tuple) else [given]
    return OPERATORS[operator]([evaluate(part, document, names) for part in parts])
