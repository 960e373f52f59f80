"""The parameters of lists."""

from typing import Annotated

from fastapi import Query

from gateway.errors import FieldProblem, InvalidRequest
from gateway.settings import GatewaySettings

Cursor = Annotated[str | None, Query(max_length=100, description="`nextCursor` of the page before.")]
Limit = Annotated[int | None, Query(ge=1, description="How many at most; 100 by default, 500 at most.")]


LARGEST_VERSION_DIGITS = 9

VersionCursor = Annotated[
    str | None,
    Query(
        max_length=100,
        description="`nextCursor` of the page before.",
        json_schema_extra={"pattern": f"^[0-9]{{1,{LARGEST_VERSION_DIGITS}}}$"},
    ),
]


def version_before(cursor: str | None) -> int | None:
    """The version that a cursor of a list of versions names. Raises InvalidRequest."""
    if cursor is None:
        return None
    if not (cursor.isdecimal() and cursor.isascii() and len(cursor) <= LARGEST_VERSION_DIGITS):
        raise InvalidRequest(FieldProblem("cursor", "is no cursor of this list: send nextCursor as it was"))
    return int(cursor)


def page_size(settings: GatewaySettings, limit: int | None) -> int:
    """How many items a page holds. Raises InvalidRequest for more than the ceiling."""
    ceiling = settings.list_limit_ceiling
    if limit is not None and limit > ceiling:
        raise InvalidRequest(FieldProblem("limit", f"must be at most {ceiling}", ceiling))
    return limit or settings.list_limit
