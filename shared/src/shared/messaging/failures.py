"""How often a message may fail before it is given up, and how often it has.

    what the handler raised                        given up
    PermanentError, a payload over the broker's    at once
    an exception of our own code                   when it came a second time: it is repeated once
    TransientError                                 when it came five times
    NotYet                                         when it came a hundred times, ever more slowly: some minutes
    StoreUnavailable, BrokerUnavailable, and what  never: an absence says nothing about the message
      the connection itself raises

Failures are alike where the same kind was raised at the same line. They are counted by the process that saw them, not
by the broker: its own count of deliveries holds absences and hand-overs, too. So with n replicas that share a message
it fails at most n times as often, each being given some. Only what has come DELIVERY_CAP times by the broker's count,
whoever saw it, is given up when it fails once more (not for NotYet, which waits for somebody).
"""

import traceback
from collections import Counter, OrderedDict
from typing import Final

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError

from shared.errors import BrokerUnavailable, NotYet, PermanentError, StoreUnavailable, TransientError

OWN_REPETITIONS: Final = 1
ALIKE_AT_MOST: Final = 5
NOT_YET_AT_MOST: Final = 100
DELIVERY_CAP: Final = 100
MESSAGES_REMEMBERED: Final = 10_000

ABSENCES: Final = (StoreUnavailable, BrokerUnavailable, NatsError, TimeoutError, ConnectionError)
"""What says that store or broker are away, and nothing else."""
PASSING: Final = (TransientError, *ABSENCES)
"""What may be over when it is tried again, without a fault of ours."""

Place = tuple[str, str, int]


def allowed(error: BaseException) -> int | None:
    """How often a message may fail with it before it is given up; None for ever."""
    if isinstance(error, PermanentError | MaxPayloadError):
        return 1
    if isinstance(error, ABSENCES):
        return None
    if isinstance(error, NotYet):
        return NOT_YET_AT_MOST
    if isinstance(error, TransientError):
        return ALIKE_AT_MOST
    return 1 + OWN_REPETITIONS


class Failures:
    """What this process saw fail, by message."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, int], Counter[Place]] = OrderedDict()

    def exhausted(self, message: Msg, error: BaseException) -> bool:
        """Notes that the message failed with it; whether it is to be given up."""
        most = allowed(error)
        if most is None:
            return False
        alike = self._of(message)
        alike[_place(error)] += 1
        worn_out = message.metadata.num_delivered >= DELIVERY_CAP and not isinstance(error, NotYet)
        return worn_out or alike[_place(error)] >= most

    def forget(self, message: Msg) -> None:
        """The message is settled."""
        if self._seen:
            self._seen.pop(_identity(message), None)

    def _of(self, message: Msg) -> Counter[Place]:
        key = _identity(message)
        alike = self._seen.setdefault(key, Counter())
        self._seen.move_to_end(key)
        if len(self._seen) > MESSAGES_REMEMBERED:
            self._seen.popitem(last=False)
        return alike


def _identity(message: Msg) -> tuple[str, int]:
    return message.subject, message.metadata.sequence.stream


def _place(error: BaseException) -> Place:
    """What failures that are alike have in common."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    where = (frames[0].filename, frames[0].lineno or 0) if frames else ("", 0)
    return type(error).__name__, *where
