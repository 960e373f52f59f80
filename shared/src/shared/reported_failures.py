"""What an error means for whoever waits for what failed."""

from typing import Final

from shared.contracts.transcript import Failure
from shared.errors import AgentWarsError, NotStorable, PermanentError, TransientError
from shared.tracebacks import wordless

INTERNAL: Final = "internal"
NOT_STORABLE: Final = "not_storable"
INTERNAL_MESSAGE: Final = (
    "Agent Wars itself failed here. Its dead letter says where: GET /api/admin/dead-letters lists it."
)


def failure_of(error: BaseException) -> Failure:
    """The failure that ends what could not be done: a code of the contract, and a sentence of ours."""
    if isinstance(error, NotStorable):
        return Failure(code=NOT_STORABLE, message=str(error))
    if isinstance(error, PermanentError | TransientError):
        return Failure(code=INTERNAL, message=str(error))
    return Failure(code=INTERNAL, message=INTERNAL_MESSAGE)


def failure_with_traceback(error: BaseException) -> tuple[Failure, str | None]:
    """What a dead letter says: the kind of what was raised, and, where our own code failed, where."""
    if isinstance(error, AgentWarsError) and not isinstance(error, NotStorable):
        return Failure(code=type(error).__name__, message=str(error)), None
    return failure_of(error), None if isinstance(error, AgentWarsError) else wordless(error)
