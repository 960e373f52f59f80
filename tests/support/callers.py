"""Callers of the gateway, as its access layer makes them."""

from gateway.access.callers import Caller, CallerRole
from shared.contracts.owner import Owner
from support.builders import ANYBODY


def caller(user: str = ANYBODY.user, tenant: str = ANYBODY.tenant) -> Caller:
    """A caller: anybody, unless a test says who; an operator, as on loopback."""
    return Caller(Owner(tenant, user), frozenset(CallerRole))
