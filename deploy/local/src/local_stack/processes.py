"""A child process with a log of its own that cannot outlive the launcher."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from local_stack.errors import ProcessEnded

_TETHER = Path(__file__).with_name("tether.py")
_KILLED_WITHIN_SECONDS = 5.0
_TAIL_BYTES = 4_000
_OWNERS_FILE = 0o600
_OWNERS_ONLY = 0o077  # as a umask: what a child creates is its owner's alone


class Process:
    """One command, started again as often as needed, always with the same name, environment and log.

    Call `start` from a thread that lives as long as the process may (see tether.py); everything else is
    safe from any thread.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.wanted = False
        """Whether it should be running: what the supervisor goes by."""
        self._command = list(command)
        self._environment = dict(environment)
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()

    @property
    def pid(self) -> int:
        """Of the running child, or of the last one. Raises RuntimeError before the first start."""
        if self._child is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """A paused process counts as running."""
        return self._child is not None and self._child.poll() is None

    @property
    def exit_status(self) -> int | None:
        """Of the last child; negative: the signal that ended it; None while it runs, and before any start."""
        return self._child.poll() if self._child else None

    def start(self) -> None:
        """Does nothing to a running process. Raises OSError when the system refuses a new process."""
        with self._lock:
            self.wanted = True
            self.revive()

    def revive(self) -> None:
        """Starts it if it should be running and is not."""
        with self._lock:
            if self.wanted and not self.is_running:
                self._child = self._spawn()

    def kill(self) -> None:
        """kill -9, as a crash would. The supervisor starts it again; `hold` keeps it down."""
        self._signal(signal.SIGKILL)
        self.wait(_KILLED_WITHIN_SECONDS)

    def hold(self) -> None:
        """kill -9, and stay down until `start`."""
        with self._lock:
            self.wanted = False
        self.kill()

    def ask_to_end(self) -> None:
        """SIGTERM, and no restart. Returns at once."""
        with self._lock:
            self.wanted = False
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)  # a paused process could not hear the first signal

    def terminate(self, seconds: float) -> None:
        """Asks it to end; after `seconds` kills it."""
        self.ask_to_end()
        self.end_by(time.monotonic() + seconds)

    def end_by(self, deadline: float) -> None:
        """Waits until `deadline` (of `time.monotonic`), then kills it."""
        if self.wait(deadline - time.monotonic()) is None:
            self.kill()

    def pause(self) -> None:
        """SIGSTOP: alive, holding its connections, doing nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        self._signal(signal.SIGCONT)

    def wait(self, seconds: float) -> int | None:
        """The exit status, at most `seconds` from now; None if it still runs then."""
        if self._child is None:
            return None
        try:
            return self._child.wait(max(seconds, 0.0))
        except subprocess.TimeoutExpired:
            return None

    def raise_if_ended(self) -> None:
        """Raises ProcessEnded, with the end of the log, when it does not run any more."""
        status = self.exit_status
        if status is not None:
            raise ProcessEnded(self.name, status, self.log, self.log_tail())

    def log_tail(self) -> str:
        """The last few kilobytes of its log."""
        with self.log.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(log.tell() - _TAIL_BYTES, 0))
            return log.read().decode(errors="replace").strip()

    def _spawn(self) -> subprocess.Popen[bytes]:
        tether = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid())]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with _owners_log(self.log) as log:
            log.write(f"--- {self.name} starts at {datetime.now(UTC).isoformat()}\n".encode())
            log.flush()
            return subprocess.Popen(
                [*tether, *self._command],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=_OWNERS_ONLY,
            )

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if self._child is not None and self.is_running:
                # Its own session makes its process group its pid: what it started goes with it.
                with contextlib.suppress(ProcessLookupError):  # it ended just now
                    os.killpg(self._child.pid, number)


def _owners_log(path: Path) -> BinaryIO:
    """Opens a log to write on; nobody but its owner reads it, one of an earlier start included."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _OWNERS_FILE)
    os.fchmod(descriptor, _OWNERS_FILE)
    return os.fdopen(descriptor, "ab")


def end_together(processes: Sequence[Process], seconds: float) -> None:
    """Asks all to end at once, waits `seconds` in all, then kills what is left."""
    deadline = time.monotonic() + seconds
    for process in processes:
        process.ask_to_end()
    for process in processes:
        process.end_by(deadline)
