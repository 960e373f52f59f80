"""What of free JSON the store and the broker can hold, and can be shown again as it came. Pure."""

import json
import math
from collections.abc import Iterable
from typing import Annotated, Any, Final, NamedTuple

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from shared.contracts.bounds import LARGEST_INTEGER, json_bytes
from shared.errors import NotStorable

NESTING: Final = 40
"""How deep free JSON may be nested: what is around it in documents, events and answers is nested, too."""
FREE_BYTES: Final = 16_000
REFERENCE: Final = frozenset({"$ref", "$id"})
"""What the store's driver reads back as a reference of its own."""


class Flaw(NamedTuple):
    """Why a value cannot be stored, as what its field is said to do, and the bound it breaks."""

    sentence: str
    bound: object = None


HALF: Final = Flaw("holds half of a surrogate pair, which is no character")
NO_NUMBER: Final = Flaw("holds NaN or Infinity, which are no JSON")
LARGE_NUMBER: Final = Flaw("holds a number of more than 64 bits", LARGEST_INTEGER)
ODD_NAME: Final = Flaw("has a name with a character in it that cannot be stored")
TWO_NAMES: Final = Flaw("has $ref and $id side by side, which cannot be stored")
DEEP: Final = Flaw(f"is nested deeper than {NESTING} levels", NESTING)


def flaw(value: object, depth: int = 0) -> Flaw | None:
    """Why the value cannot be stored, or shown again; None where it can."""
    if isinstance(value, dict):
        return _flaw_of_names(value) or _flaw_inside(value.values(), depth)
    if isinstance(value, list | tuple):
        return _flaw_inside(value, depth)
    if isinstance(value, str):
        return None if is_text(value) else HALF
    if isinstance(value, float):
        return None if math.isfinite(value) else NO_NUMBER
    return LARGE_NUMBER if isinstance(value, int) and abs(value) > LARGEST_INTEGER else None


def flaw_within(value: object, most_bytes: int) -> Flaw | None:
    """As `flaw`, and that the value is too large: found first, for looking into it takes far longer than reading it."""
    try:
        size = json_bytes(value)
    except NotStorable:
        try:
            # With every character escaped: three times as long at most.
            size = len(json.dumps(value)) // 3
        except RecursionError:
            return DEEP
    if size > most_bytes:
        return Flaw(f"must have at most {most_bytes} bytes as JSON", most_bytes)
    return flaw(value)


def storable(value: object) -> bool:
    """Whether the value can be stored and shown again."""
    return flaw(value) is None


def is_text(value: str) -> bool:
    """Whether a text holds characters only, no halves of surrogate pairs."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _flaw_of_names(value: dict[Any, Any]) -> Flaw | None:
    if not all(is_text(name) and "\0" not in name for name in value):
        return ODD_NAME
    return TWO_NAMES if value.keys() >= REFERENCE else None


def _flaw_inside(values: Iterable[object], depth: int) -> Flaw | None:
    if depth >= NESTING:
        return DEEP
    return next((found for value in values if (found := flaw(value, depth + 1)) is not None), None)


def checked(value: Any) -> Any:
    """The value of a field of free JSON. Raises PydanticCustomError for one that is too large, or cannot be stored."""
    found = flaw_within(value, FREE_BYTES)
    if found is not None:
        raise PydanticCustomError("unstorable", "{sentence}", found._asdict())
    return value


FreeObject = Annotated[dict[str, Any], AfterValidator(checked)]
"""An object of any JSON. Every field that takes free JSON is of this type, or is checked by `flaw` where it is kept."""
