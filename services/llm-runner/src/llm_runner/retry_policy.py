"""What follows a failed attempt. Pure but for the jitter."""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Literal

from llm_runner.providers.provider import ProviderFailure
from shared.errors import TransientError

LONGEST_BACKOFF_SECONDS = 8.0
LONGEST_RETRY_AFTER = timedelta(minutes=10)


class AttemptFailed(TransientError):
    """The attempt failed, the next one is due after its back-off."""

    def __init__(self, failure: ProviderFailure, delay: timedelta) -> None:
        super().__init__(str(failure), delay)


class OwnFailure(TransientError):
    """Our own code failed: once more, in case another answer is spared it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The same route is called again after a delay."""

    delay: timedelta
    word: ClassVar[Literal["retry"]] = "retry"


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No attempt follows: the failure is final."""

    word: ClassVar[Literal["none"]] = "none"


def after_failure(failure: ProviderFailure, failures: int, retries: int, first_backoff: float) -> Retry | GiveUp:
    """What follows; its `word` is what `attempt.discarded` says of it.

    `failures` counts the failed attempts at this route, this one included; its family says how often it is asked again
    at most. What the provider asks for is granted, up to
    ten minutes; else the back-off doubles from `first_backoff` seconds up to eight, less up to a quarter, so that many
    calls that failed together do not come back together.
    """
    if failures > (retries if failure.repeats is None else min(failure.repeats, retries)):
        return GiveUp()
    if failure.retry_after is not None:
        return Retry(min(failure.retry_after, LONGEST_RETRY_AFTER))
    seconds = min(LONGEST_BACKOFF_SECONDS, first_backoff * 2.0 ** (failures - 1))
    return Retry(timedelta(seconds=seconds * random.uniform(0.75, 1.0)))
