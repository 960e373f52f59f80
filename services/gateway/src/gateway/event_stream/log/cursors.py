"""Where a reader stands: `<stream epoch>-<run tag>-<sequence>`, opaque to clients.

The epoch is when the stream was made, because sequences begin anew with it; the tag keeps a cursor of another
run from being taken for one of this run.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

TAG_LENGTH: Final = 8
_WRITTEN: Final = re.compile(r"([0-9a-f]{1,16})-([0-9a-f]{8})-([0-9]{1,18})")


def run_tag(run_id: str) -> str:
    """Eight hexadecimal characters that stand for a run in its cursors."""
    return sha256(run_id.encode()).hexdigest()[:TAG_LENGTH]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last event a reader has."""

    epoch: str
    tag: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.tag}-{self.sequence}"


def read_cursor(written: str | None) -> Cursor | None:
    """The cursor in a `Last-Event-ID`; None where there is none, or one that we never wrote."""
    found = _WRITTEN.fullmatch(written or "")
    return Cursor(found[1], found[2], int(found[3])) if found else None
