"""What an error means for whoever waits for what failed."""

from typing import Final

from shared.contracts.transcript import Failure
from shared.errors import NotStorable, PermanentError, TransientError

INTERNAL: Final = "internal"
NOT_STORABLE: Final = "not_storable"
INTERNAL_MESSAGE: Final = "Agent Wars itself failed here. Its dead letter says where: GET /api/dead-letters lists it."


def failure_of(error: BaseException) -> Failure:
    """The failure that ends what could not be done: a code of the contract, and a sentence of ours."""
    if isinstance(error, NotStorable):
        return Failure(code=NOT_STORABLE, message=str(error))
    if isinstance(error, PermanentError | TransientError):
        return Failure(code=INTERNAL, message=str(error))
    return Failure(code=INTERNAL, message=INTERNAL_MESSAGE)
