"""The parameters of lists."""

from typing import Annotated

from fastapi import Query

from gateway.errors import FieldProblem, InvalidRequest
from gateway.settings import GatewaySettings

Cursor = Annotated[str | None, Query(max_length=100, description="`nextCursor` of the page before.")]
Limit = Annotated[int | None, Query(ge=1, description="How many at most; 100 by default, 500 at most.")]


def page_size(settings: GatewaySettings, limit: int | None) -> int:
    """How many items a page holds. Raises InvalidRequest for more than the ceiling."""
    ceiling = settings.list_limit_ceiling
    if limit is not None and limit > ceiling:
        raise InvalidRequest(FieldProblem("limit", f"must be at most {ceiling}", ceiling))
    return limit or settings.list_limit
