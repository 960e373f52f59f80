"""GET /api/usage: what was spent in a time."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BeforeValidator

from gateway.access.callers import CallerOfRequest
from gateway.errors import FieldProblem, InvalidRequest
from gateway.schemas.usage import UsageItem, UsagePage, UsageTotal
from gateway.services import NeedsStore, ServicesOfApp
from shared.contracts.enums import SpendingKey
from shared.contracts.spending import SpendingGroup
from shared.contracts.timestamps import now
from shared.contracts.transcript import UsageView

USUAL_RANGE, LONGEST_RANGE = timedelta(days=30), timedelta(days=366)


def _plus_sign(value: object) -> object:
    """An unescaped plus sign of a zone arrives as a space."""
    return value.strip().replace(" ", "+") if isinstance(value, str) and "T" in value else value


Moment = Annotated[datetime, BeforeValidator(_plus_sign)]
From = Annotated[
    Moment | None,
    Query(alias="from", description="A date or an ISO 8601 time, UTC where it says no zone; 30 days before `to`."),
]
To = Annotated[Moment | None, Query(description="Until before it; now where it is not said.")]
GroupBy = Annotated[SpendingKey, Query(alias="groupBy")]

router = APIRouter(prefix="/api/usage", tags=["runs"], dependencies=[NeedsStore])


@router.get("", summary="Sum what calls took and cost, by day, model, run or user", response_model=UsagePage)
async def show_usage(
    services: ServicesOfApp,
    caller: CallerOfRequest,
    start: From = None,
    to: To = None,
    by: GroupBy = SpendingKey.DAY,
) -> UsagePage:
    first, end = _range(start, to)
    found = await services.store_of(caller.owner).spending(first, end, by)
    return UsagePage(
        start=first,
        to=end,
        group_by=by,
        items=[UsageItem(key=group.key, **_figures(group).model_dump()) for group in found.groups],
        total=_figures(found.total),
        has_more=found.more,
    )


def _range(start: datetime | None, to: datetime | None) -> tuple[datetime, datetime]:
    """The time that is asked for. Raises InvalidRequest for one that is no time, or too long."""
    try:
        end = _in_utc(to or now())
        first = _in_utc(start) if start else end - USUAL_RANGE
    except OverflowError as error:
        # In UTC, a time at the edge of the calendar may lie beyond it.
        raise InvalidRequest(FieldProblem("from", "must be an ISO 8601 time")) from error
    if first > end:
        raise InvalidRequest(FieldProblem("from", "must not be after to"))
    if end - first > LONGEST_RANGE:
        days = LONGEST_RANGE.days
        raise InvalidRequest(FieldProblem("from", f"must be at most {days} days before to", days))
    return first, end


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _figures(group: SpendingGroup) -> UsageTotal:
    return UsageTotal(calls=group.calls, estimated_calls=group.estimated_calls, usage=UsageView.of(group.usage))
