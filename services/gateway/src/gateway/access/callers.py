"""Who calls. Authentication is off on loopback: one tenant; keys will name it here, and nowhere else."""

from typing import Annotated, Final

from fastapi import Depends, Header, Request

from gateway.access.stream_tokens import Grant
from gateway.errors import FieldProblem, InvalidRequest
from shared.contracts.owner import Owner
from shared.contracts.record import Record

USER_LENGTH: Final = 128
ANYBODY: Final = Owner("default", "anonymous")
"""Whose everything is where nobody says who calls."""


class Caller(Record):
    """Whose data it is, and who acts."""

    tenant: str
    user: str

    @property
    def owner(self) -> Owner:
        """Whom the store is asked for: nothing is looked up for a caller without it."""
        return Owner(self.tenant, self.user)


async def caller(
    request: Request,
    x_user_id: Annotated[
        str | None,
        Header(description="Who acts, at most 128 characters.", json_schema_extra={"maxLength": USER_LENGTH}),
    ] = None,
) -> Caller:
    """The caller of this request: whom its token names (token_gate.py), else whom its header names.

    Raises InvalidRequest for a user id that is too long.
    """
    grant: Grant | None = getattr(request.state, "grant", None)
    if grant is not None:
        return Caller(tenant=grant.tenant, user=grant.user)
    user = (x_user_id or "").strip()
    if len(user) > USER_LENGTH:
        raise InvalidRequest(FieldProblem("X-User-Id", f"must have at most {USER_LENGTH} characters", USER_LENGTH))
    return Caller(tenant=ANYBODY.tenant, user=user or ANYBODY.user)


CallerOfRequest = Annotated[Caller, Depends(caller)]
