"""The demo model's ledger, read from its file: the independent witness of every call."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import orjson

FINISHED = "finished"
CLIENT_CLOSED = "client_closed"


@dataclass(slots=True)
class Call:
    """One call: when it began and ended (seconds since 1970), for which attempt, and how it ended."""

    attempt: str | None
    began: float
    model: str
    prompt_tokens: int
    ended: float | None = None
    outcome: str | None = None
    completion_tokens: int = 0

    @property
    def faulty(self) -> bool:
        """Whether the provider failed it, which makes a retry the policy's."""
        return bool(self.outcome and self.outcome.startswith("fault:"))


def read_ledger(path: Path) -> list[Call]:
    """Every call in the order it came. A torn last line is left out."""
    calls: dict[int, Call] = {}
    for line in path.read_bytes().splitlines():
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if entry["event"] == "start":
            calls[entry["index"]] = Call(
                entry["clientRequestId"], entry["startedAt"], entry["model"], entry["promptTokens"]
            )
        elif entry["index"] in calls:
            call = calls[entry["index"]]
            call.ended, call.outcome = entry["endedAt"], entry["outcome"]
            call.completion_tokens = entry["completionTokens"]
    return list(calls.values())


def in_flight(calls: Iterable[Call], moment: float) -> int:
    """How many calls ran at a moment."""
    return sum(1 for call in calls if call.began <= moment and (call.ended is None or call.ended > moment))
