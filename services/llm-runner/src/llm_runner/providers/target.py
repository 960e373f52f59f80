"""Whom a request is written for: a model at a provider, and what is known of how it wants to be asked."""

from dataclasses import dataclass, field
from enum import IntEnum

from shared.routing import ModelEntry


class AnswerFormatStep(IntEnum):
    """How much of an answer's format a target can promise; the next one is what is left where one is refused."""

    SCHEMA = 0  # JSON of a schema
    OBJECT = 1  # some JSON object
    TEXT = 2  # nothing: the prompt asks for JSON, and it is looked for in the text


@dataclass(frozen=True, slots=True)
class Quirks:
    """What a target wants otherwise than its dialect is: known of its host beforehand, or learned from a refusal.

    `without` are fields of the body that are never sent, `renamed` those that go by another name.
    `reads_system` says whether it takes instructions as a message of their own, `replays_reasoning` whether what its
    own model thought has to stand in the history, `most_stops` how many stop sequences it takes (None: any number),
    `streams` whether it may be asked for a stream, `ends_with_user` whether the last turn has to be the user's.
    `tool_id_length` is how many letters and digits an id of a tool call has there (None: it is as it came).
    `starts_thinking` says that its texts begin inside a thought whose opening tag is left out, `empty_is_withheld` that
    an answer without any choice is one that was kept back.
    """

    without: frozenset[str] = frozenset()
    renamed: tuple[tuple[str, str], ...] = ()
    answer_format: AnswerFormatStep = AnswerFormatStep.SCHEMA
    reads_system: bool = True
    replays_reasoning: bool = False
    most_stops: int | None = None
    streams: bool = True
    ends_with_user: bool = False
    tool_id_length: int | None = None
    starts_thinking: bool = False
    empty_is_withheld: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A model at a provider. `base_url` is without a slash at its end."""

    provider: str
    base_url: str
    model: str
    entry: ModelEntry
    quirks: Quirks = field(default_factory=Quirks)
