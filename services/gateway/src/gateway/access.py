"""Who calls. Authentication is off on loopback: one tenant; keys will name it here, and nowhere else."""

from typing import Annotated

from fastapi import Depends, Header, Query, Request

from gateway.errors import FieldProblem, Forbidden, InvalidRequest, Unauthorized
from gateway.settings import GatewaySettings
from gateway.stream_tokens import verify
from shared.contracts.owner import Owner
from shared.contracts.record import Record, now

USER_LENGTH = 128
TOKEN_LENGTH = 8_000


class Caller(Record):
    """Whose data it is, and who acts."""

    tenant: str = "default"
    user: str = "anonymous"

    @property
    def owner(self) -> Owner:
        """Whom the store is asked for: nothing is looked up for a caller without it."""
        return Owner(self.tenant, self.user)


async def caller(
    request: Request,
    x_user_id: Annotated[str | None, Header(description="Who acts, at most 128 characters.")] = None,
    token: Annotated[
        str | None, Query(max_length=TOKEN_LENGTH, description="From POST /api/stream-tokens, for an EventSource.")
    ] = None,
) -> Caller:
    """The caller of this request.

    Raises InvalidRequest for a user id that is too long, Unauthorized and Forbidden for a token that does not hold.
    """
    if token is not None and (named := _named(token, request)) is not None:
        return named
    user = (x_user_id or "").strip()
    if len(user) > USER_LENGTH:
        raise InvalidRequest(FieldProblem("X-User-Id", f"must have at most {USER_LENGTH} characters", USER_LENGTH))
    return Caller(user=user) if user else Caller()


def _named(token: str, request: Request) -> Caller | None:
    """The caller a token names; None where tokens are not checked, because nothing needs one."""
    settings: GatewaySettings = request.app.settings
    if settings.stream_token_secret is None:
        return None
    grant = verify(token, settings.stream_token_secret.get_secret_value(), now())
    if grant is None:
        raise Unauthorized("This token is not valid, or not any more: make a new one by POST /api/stream-tokens.")
    if request.method != "GET" or not grant.covers(
        [*request.path_params.values(), request.query_params.get("sid", "")]
    ):
        raise Forbidden("This token is for reading other streams: make one for this by POST /api/stream-tokens.")
    return Caller(tenant=grant.tenant, user=grant.user)


CallerOfRequest = Annotated[Caller, Depends(caller)]
