"""What follows a failed attempt. Pure but for the jitter."""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Literal

from llm_runner.providers.families import CONSEQUENCES, Move
from llm_runner.providers.provider import ProviderFailure
from shared.errors import TransientError
from shared.routing import Route

LONGEST_BACKOFF_SECONDS = 8.0
SHORTEST_WAIT_SECONDS = 0.1
"""Of a provider that asks to be asked again at once: nobody else should come back in the same moment."""


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
class MoveOn:
    """The next route of the chain is called at once."""

    route: Route
    word: ClassVar[Literal["fallback"]] = "fallback"


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No attempt follows: the failure is final."""

    word: ClassVar[Literal["none"]] = "none"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a generation may wait for its target: `first_backoff` is the first wait, `longest` the longest one."""

    first_backoff: timedelta
    longest: timedelta


def tries_again(repeats: int | None, retries: int) -> int:
    """How often the same route is asked again, by its family's `repeats` and its tier's `retries`."""
    return retries if repeats is None else min(repeats, retries)


def after_failure(
    failure: ProviderFailure, failures: int, retries: int, patience: Patience, onward: Route | None = None
) -> Retry | MoveOn | GiveUp:
    """What follows; its `word` is what `attempt.discarded` says of it.

    `failures` counts the failed attempts at this route, this one included; its family says how often the route is asked
    again at most, and whether `onward`, the next one, is asked. What the provider asks for is granted: a longer wait
    than anybody has patience for leads onward at once. Else the back-off doubles up to eight seconds, less up to a
    quarter, so that many calls that failed together do not come back together.
    """
    again = failures <= tries_again(failure.repeats, retries)
    asked = failure.retry_after
    if again and (asked is None or asked <= patience.longest):
        return Retry(_back_off(failures, patience.first_backoff) if asked is None else max(asked, _shortest_wait()))
    if onward is None or CONSEQUENCES[failure.family].moves is Move.NEVER:
        return GiveUp()
    return MoveOn(onward)


def _shortest_wait() -> timedelta:
    return timedelta(seconds=SHORTEST_WAIT_SECONDS * random.uniform(1.0, 2.0))


def _back_off(failures: int, first: timedelta) -> timedelta:
    seconds = min(LONGEST_BACKOFF_SECONDS, first.total_seconds() * 2.0 ** (failures - 1))
    return timedelta(seconds=seconds * random.uniform(0.75, 1.0))
