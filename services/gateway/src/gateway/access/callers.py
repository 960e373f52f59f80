"""Who calls, and what they may do. The layer in authentication.py makes the caller; everything else only reads it."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Final

from fastapi import Depends, Header, Request

from gateway.errors import Forbidden
from shared.contracts.owner import Owner

USER_LENGTH: Final = 128
ANYBODY: Final = Owner("default", "anonymous")
"""Whose everything is where nobody says who calls."""


class CallerRole(StrEnum):
    """What a caller may do beside what everybody does with their own."""

    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose data it is, and what they may do."""

    owner: Owner
    roles: frozenset[CallerRole]

    @property
    def tenant(self) -> str:
        return self.owner.tenant

    @property
    def user(self) -> str:
        return self.owner.user

    def named(self, user: str) -> "Caller":
        """The same caller, who says which user of the tenant acts."""
        return replace(self, owner=Owner(self.tenant, user))


async def caller(
    request: Request,
    x_user_id: Annotated[
        str | None,
        Header(description="Who acts, at most 128 characters.", json_schema_extra={"maxLength": USER_LENGTH}),
    ] = None,
) -> Caller:
    """The caller of this request. The header is here for the documentation: it was read before."""
    found = request.state.caller
    assert isinstance(found, Caller)
    return found


CallerOfRequest = Annotated[Caller, Depends(caller)]


async def _operator(caller: CallerOfRequest) -> None:
    if CallerRole.OPERATOR not in caller.roles:
        raise Forbidden(
            f"This is for the role {CallerRole.OPERATOR}. Without keys everybody has it where only this machine can "
            "connect (AGENTWARS_HOST is a loopback address), and nobody elsewhere."
        )


NeedsOperator = Depends(_operator)
"""Refuses every caller who is no operator."""
