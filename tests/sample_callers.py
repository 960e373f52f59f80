"""Callers of the gateway, as its access layer makes them."""

from gateway.access.callers import Caller
from sample_runs import ANYBODY


def caller(user: str = ANYBODY.user, tenant: str = ANYBODY.tenant) -> Caller:
    """A caller: anybody, unless a test says who."""
    return Caller(tenant=tenant, user=user)
