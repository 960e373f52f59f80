"""Whose something is. A tenant is a team that works together; what a person asks for themselves is theirs alone."""

from typing import NamedTuple


class Owner(NamedTuple):
    """A user of a tenant. Chats and single answers are the user's, everything else the tenant's."""

    tenant: str
    user: str
