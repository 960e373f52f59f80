"""What follows a failed attempt. Pure but for the jitter."""

import random
from datetime import timedelta

from llm_runner.providers.provider import ProviderFailure
from shared.errors import TransientError

LONGEST_BACKOFF_SECONDS = 8.0
LONGEST_RETRY_AFTER = timedelta(minutes=10)


class TryAgain(TransientError):
    """The attempt failed, the next one is due after its back-off."""

    def __init__(self, failure: ProviderFailure, delay: timedelta) -> None:
        super().__init__(str(failure), delay)


class BrokeOff(TransientError):
    """Our own code failed: once more, in case another answer is spared it."""


def next_attempt(failure: ProviderFailure, failures: int, retries: int, first_backoff: float) -> timedelta | None:
    """How long to wait before the next attempt, or None where there is none.

    `failures` counts failed attempts, this one included. What the provider asks for is granted, up to ten minutes;
    else the back-off doubles from `first_backoff` seconds up to eight, less up to a quarter, so that many calls
    that failed together do not come back together.
    """
    if not failure.retryable or failures > retries:
        return None
    if failure.retry_after is not None:
        return min(failure.retry_after, LONGEST_RETRY_AFTER)
    seconds = min(LONGEST_BACKOFF_SECONDS, first_backoff * 2.0 ** (failures - 1))
    return timedelta(seconds=seconds * random.uniform(0.75, 1.0))
