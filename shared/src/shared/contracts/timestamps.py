"""Times as they are stored and sent: UTC, to the millisecond."""

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer


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
