"""Who calls. Authentication is off on loopback: one tenant; keys will name it here, and nowhere else."""

from typing import Annotated

from fastapi import Depends, Header

from gateway.errors import FieldProblem, InvalidRequest
from shared.contracts.record import Record

USER_LENGTH = 128


class Caller(Record):
    """Whose data it is, and who acts."""

    tenant: str = "default"
    user: str = "anonymous"


async def caller(
    x_user_id: Annotated[str | None, Header(description="Who acts, at most 128 characters.")] = None,
) -> Caller:
    """The caller of this request. Raises InvalidRequest for a user id that is too long."""
    user = (x_user_id or "").strip()
    if len(user) > USER_LENGTH:
        raise InvalidRequest(FieldProblem("X-User-Id", f"must have at most {USER_LENGTH} characters", USER_LENGTH))
    return Caller(user=user) if user else Caller()


CallerOfRequest = Annotated[Caller, Depends(caller)]
