"""Where an exception came from, without its words: they may be those of a conversation.

    StoreUnavailable: the store did not answer (NetworkTimeout)
      shared/storage/runs.py:31 in insert
    caused by KeyError
      orchestrator/proofs.py:42 in proven_by_done

What our own exceptions say is written by us. Anybody else's may hold the value it met (a ValidationError's input, a
KeyError's key, a driver's document): of it only its kind is told, and the few words before the first quote.
"""

import re
import traceback
from collections.abc import Iterator
from pathlib import PurePath

from nats.errors import Error as NatsError
from pydantic import ValidationError

from shared.errors import AgentWarsError

BUILTIN = (ValueError, TypeError, RuntimeError, AttributeError, ArithmeticError, AssertionError, LookupError)
_QUOTE = re.compile(r"['\"`{\[\n]")
WORDS_SHOWN = 80
FRAMES_SHOWN = 30
CAUSES_SHOWN = 5
PROBLEMS_SHOWN = 5


def described(error: BaseException) -> str:
    """What failed, in a line that holds no word of anybody's."""
    kind = type(error).__name__
    if isinstance(error, AgentWarsError | NatsError):
        return f"{kind}: {error}"
    if isinstance(error, ValidationError):
        return f"{kind}: {problems(error)}"
    if isinstance(error, OSError):
        # The system's own words: a refused connection, a time-out.
        return f"{kind}: {error.strerror}" if error.strerror else kind
    said = _QUOTE.split(str(error), maxsplit=1)[0][:WORDS_SHOWN].strip()
    return f"{kind}: {said}" if said and isinstance(error, BUILTIN) else kind


def problems(error: ValidationError) -> str:
    """What does not fit, by place and kind of problem; without the input, and without names that come from it."""
    shown = error.errors(include_url=False, include_context=False, include_input=False)[:PROBLEMS_SHOWN]
    return "; ".join(f"{_place(one['loc'])}: {one['type']}" for one in shown)


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in location[:PROBLEMS_SHOWN])[:100] or "the whole"


def wordless(error: BaseException) -> str:
    """The traceback with its causes: each one's kind, and file, line and function of its frames."""
    parts = ["\n".join([described(one), *_frames(one)]) for one in _with_causes(error)]
    return "\ncaused by ".join(parts)


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < CAUSES_SHOWN:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _frames(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__, limit=-FRAMES_SHOWN)
    return [f"  {'/'.join(PurePath(one.filename).parts[-3:])}:{one.lineno} in {one.name}" for one in frames]
