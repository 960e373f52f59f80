"""The ledger: an independent witness of every call, kept in memory and as JSON lines in a file.

The file gets one line when a call starts (`{"event": "start", ...}`) and one when it ends (`{"event": "end", ...}`),
each flushed before the call goes on. A server started on an existing file goes on counting where the last one ended;
calls that the last one left open are closed as `fault:restart`, without an end time.
"""

import logging
from collections import deque
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import time
from typing import IO, Any, Final

import orjson

from local_stack.demo_model.requests import ChatRequest

REMEMBERED_CALLS: Final = 200_000
#: The outcome when neither the script nor the client ended the call: the server was stopped, or failed.
ABORTED: Final = "fault:aborted"
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Call:
    """One call. Times are seconds since 1970 (UTC); tokens are words; `outcome` is None while it runs.

    `completion_tokens` counts what has left so far."""

    index: int
    id: str
    client_request_id: str | None
    dialect: str
    model: str
    role: str
    stream: bool
    started_at: float
    prompt_tokens: int
    prompt_sha256: str
    ended_at: float | None = None
    outcome: str | None = None
    completion_tokens: int = 0

    def as_json(self) -> dict[str, Any]:
        """The call as `GET /ledger` shows it."""
        return {
            "index": self.index,
            "id": self.id,
            "clientRequestId": self.client_request_id,
            "dialect": self.dialect,
            "model": self.model,
            "role": self.role,
            "stream": self.stream,
            "startedAt": self.started_at,
            "endedAt": self.ended_at,
            "outcome": self.outcome,
            "promptTokens": self.prompt_tokens,
            "completionTokens": self.completion_tokens,
            "promptSha256": self.prompt_sha256,
        }


class Ledger:
    """Calls in the order they came; the last `REMEMBERED_CALLS` of them in memory, all of them in the file."""

    def __init__(self, path: Path | None = None) -> None:
        self._calls: deque[Call] = deque(maxlen=REMEMBERED_CALLS)
        self._file: IO[bytes] | None = None
        self.in_flight = 0
        self.max_in_flight = 0
        self.next_index = 0
        if path is not None:
            self._open(path)

    def start(self, request: ChatRequest) -> Call:
        """Records that a call begins."""
        call = Call(
            index=self.next_index,
            id=f"chatcmpl-demo-{self.next_index:08d}",
            client_request_id=request.client_request_id,
            dialect=request.dialect,
            model=request.model,
            role=request.role,
            stream=request.wanted.stream,
            started_at=time(),
            prompt_tokens=request.prompt_tokens,
            prompt_sha256=request.prompt_sha256,
        )
        self._remember(call)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        self._write({"event": "start", **call.as_json()})
        return call

    def end(self, call: Call, outcome: str) -> None:
        """Records how a call ended; the first word counts."""
        if call.outcome is not None:
            return
        call.ended_at = time()
        call.outcome = outcome
        self.in_flight -= 1
        self._write_end(call)

    def since(self, index: int) -> list[dict[str, Any]]:
        """The remembered calls from this index on."""
        first = self._calls[0].index if self._calls else 0
        return [call.as_json() for call in islice(self._calls, max(0, index - first), None)]

    def close(self) -> None:
        """Ends the calls that are still running as `ABORTED` and closes the file."""
        for call in self._calls:
            self.end(call, ABORTED)
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torn = False
        if path.exists():
            torn = self._read(path)
        self._file = path.open("ab")
        if torn:
            self._file.write(b"\n")
        for call in self._calls:
            if call.outcome is None:
                call.outcome = "fault:restart"
                self._write_end(call)

    def _read(self, path: Path) -> bool:
        """Takes over the calls of an earlier server; True if its last line was torn."""
        line = b"\n"
        with path.open("rb") as file:
            for line in file:
                if (entry := _entry(line)) is not None:
                    self._take_over(entry)
        return not line.endswith(b"\n")

    def _take_over(self, entry: dict[str, Any]) -> None:
        if entry["event"] == "start":
            self._remember(_call_of(entry))
            return
        oldest = self._calls[0].index if self._calls else self.next_index
        if oldest <= entry["index"] < self.next_index:
            call = self._calls[entry["index"] - oldest]
            call.ended_at, call.outcome = entry["endedAt"], entry["outcome"]
            call.completion_tokens = entry["completionTokens"]

    def _remember(self, call: Call) -> None:
        self._calls.append(call)
        self.next_index = call.index + 1

    def _write_end(self, call: Call) -> None:
        names = ("index", "id", "endedAt", "outcome", "completionTokens")
        known = call.as_json()
        self._write({"event": "end", **{name: known[name] for name in names}})

    def _write(self, entry: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
            self._file.flush()


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry: dict[str, Any] = orjson.loads(line)
    except orjson.JSONDecodeError:
        # A server killed in the middle of a write leaves half a line; the rest of the file is sound.
        log.warning("ledger: a torn line was skipped: %r", line[:80])
        return None
    return entry


def _call_of(entry: dict[str, Any]) -> Call:
    return Call(
        index=entry["index"],
        id=entry["id"],
        client_request_id=entry["clientRequestId"],
        dialect=entry.get("dialect", "openai"),
        model=entry["model"],
        role=entry["role"],
        stream=entry["stream"],
        started_at=entry["startedAt"],
        prompt_tokens=entry["promptTokens"],
        prompt_sha256=entry["promptSha256"],
    )
