"""Which documents a query may find: everybody's for the workers, one owner's for whoever asks in a name."""

from collections.abc import Mapping
from typing import Any, Final

from shared.contracts.kinds import PLAYED
from shared.contracts.owner import Owner

Scope = Mapping[str, Any]
"""What a query says besides what it asks for."""
EVERYBODY: Final[Scope] = {}
"""A worker's: its message names the run, and the run says whose it is."""
ONLY_PLAYED: Final = {"$in": [kind.value for kind in PLAYED]}


def scope_of_runs(owner: Owner) -> Scope:
    """As `Run.is_of`: what is played is the tenant's, chats and single answers are their user's."""
    return {"tenant": owner.tenant, "$or": [{"user": owner.user}, {"kind": ONLY_PLAYED}]}


def scope_of_rows(owner: Owner) -> Scope:
    """What is stored of runs, agents and templates. Which user may see it is said by its run."""
    return {"tenant": owner.tenant}
