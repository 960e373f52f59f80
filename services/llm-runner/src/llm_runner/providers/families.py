"""The one table of what follows a failed call, by the family of its fault (docs/providers.md)."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from shared.contracts.enums import FailureFamily as Family

PROVIDER_ERROR: Final = "provider_error"
PROVIDER_TIMEOUT: Final = "provider_timeout"
INVALID_MODEL: Final = "invalid_model"
CONTEXT_TOO_LONG: Final = "context_too_long"


class Move(Enum):
    """Whether the next target of a chain is asked."""

    NEVER = "never"
    ALWAYS = "always"
    LARGER_WINDOW = "larger window"  # to one whose model reads more only


@dataclass(frozen=True, slots=True)
class Consequences:
    """What follows a fault.

    `code` is the contract's. `repeats` is how often the same target is asked again at most: None is as often as the
    tier of its model allows. `trips` says that it counts against the target's circuit breaker, `of_request` that it
    speaks of what was asked and not of the provider's health: another call may go well.
    """

    code: str = PROVIDER_ERROR
    repeats: int | None = 0
    moves: Move = Move.ALWAYS
    trips: bool = False
    of_request: bool = False


CONSEQUENCES: Final[dict[Family, Consequences]] = {
    Family.AUTH: Consequences(),
    Family.BILLING: Consequences(),
    Family.RATE_LIMIT: Consequences(repeats=None),
    Family.OVERLOADED: Consequences(repeats=None, trips=True),
    Family.SERVER_ERROR: Consequences(repeats=None, trips=True),
    Family.TIMEOUT: Consequences(PROVIDER_TIMEOUT, repeats=None, trips=True),
    Family.CUT: Consequences(repeats=None, trips=True),
    Family.PROTOCOL: Consequences(repeats=1, trips=True),
    Family.EMPTY: Consequences(repeats=1),
    Family.CONTEXT_LENGTH: Consequences(CONTEXT_TOO_LONG, moves=Move.LARGER_WINDOW, of_request=True),
    Family.CONTENT_POLICY: Consequences(moves=Move.NEVER, of_request=True),
    Family.UNSUPPORTED_PARAMETER: Consequences(moves=Move.NEVER, of_request=True),
    Family.MODEL_NOT_FOUND: Consequences(INVALID_MODEL, of_request=True),
    Family.BAD_REQUEST: Consequences(moves=Move.NEVER, of_request=True),
}
