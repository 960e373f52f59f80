"""The base of every value that is sent or stored: frozen, camelCase on the wire, unknown fields ignored."""

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel


def now() -> datetime:
    """The present in UTC, cut to milliseconds: what MongoDB keeps and the contract shows."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def iso(moment: datetime) -> str:
    """`2026-11-21T10:00:00.000Z`: the one form of a time on the wire (docs/api.md)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def iso_now() -> str:
    """`iso(now())`, for what is stamped many times a second."""
    seconds, milliseconds = divmod(int(time.time() * 1000), 1000)
    return f"{_second(seconds)}.{milliseconds:03d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").removesuffix("+00:00")


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


Timestamp = Annotated[datetime, AfterValidator(_in_utc), PlainSerializer(iso, return_type=str, when_used="json")]


WORD_LENGTH: Final = 512
SENTENCE_LENGTH: Final = 2000
TEXT_LENGTH: Final = 8000

Word = Annotated[str, AfterValidator(lambda text: text[:WORD_LENGTH])]
"""A name or a code that somebody else gives us: cut, so that no message can outgrow the broker for it."""
Sentence = Annotated[str, AfterValidator(lambda text: text[:SENTENCE_LENGTH])]
"""A sentence for people, cut as `Word` is."""
ShownText = Annotated[str, AfterValidator(lambda text: text[:TEXT_LENGTH])]
"""A text of some lines that is shown beside something else, cut as `Word` is."""


class Record(BaseModel):
    """A frozen value. Python and MongoDB name fields in snake_case, the wire in camelCase.

    Unknown fields are ignored, so that an older service reads what a newer one wrote.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        ser_json_inf_nan="null",
        protected_namespaces=(),
    )

    def to_json(self) -> bytes:
        """The value as one readable JSON object in camelCase."""
        return self.model_dump_json(by_alias=True).encode()


class Message(Record):
    """What stands on a subject: identity before payload.

    `type` names the message, `schema_version` grows only when a field changes its meaning,
    `run_id` says which run it belongs to and `at` when it was made.
    """

    type: str
    schema_version: int = 1
    run_id: str
    at: Timestamp

    @property
    def message_id(self) -> str | None:
        """The `Nats-Msg-Id` that makes a repetition of this message the same message; None for hints."""
        return None
