"""Starts again what died: after 0.2 s, then twice as long each time, at most 5 s; ten healthy seconds forgive."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from local_stack.processes import Process

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 5.0
HEALTHY_AFTER_SECONDS = 10.0
_LOOK_EVERY_SECONDS = 0.05


def restart_delay(failures_in_a_row: int) -> float:
    """Seconds to wait before the next start; `failures_in_a_row` counts from 1."""
    longest_exponent = 10  # beyond any use, below any overflow
    return min(FIRST_DELAY_SECONDS * 2.0 ** min(failures_in_a_row - 1, longest_exponent), LONGEST_DELAY_SECONDS)


@dataclass
class _Watched:
    process: Process
    started_at: float = field(default_factory=time.monotonic)
    failures_in_a_row: int = 0
    restart_at: float | None = None


class Supervisor:
    """One thread that looks at every watched process and starts again those that should be running.

    A thread, not a task: the stack stays supervised whichever event loop runs, or none. It must outlive the
    children that it started (see tether.py): end them first, then call `stop`.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._watched: dict[str, _Watched] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begins to watch; at most once."""
        self._thread.start()

    def watch(self, process: Process) -> None:
        """From now on. The process has been started by the caller."""
        with self._lock:
            self._watched[process.name] = _Watched(process)

    def failures_in_a_row(self, name: str) -> int:
        """How often this process ended since it last ran for ten seconds; 0 if it is not watched."""
        with self._lock:
            watched = self._watched.get(name)
        return watched.failures_in_a_row if watched else 0

    def stop(self) -> None:
        """Returns when the thread has ended."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_SECONDS):
            with self._lock:
                everything = list(self._watched.values())
            for watched in everything:
                self._look(watched, time.monotonic())

    def _look(self, watched: _Watched, now: float) -> None:
        process = watched.process
        if process.is_running:
            watched.restart_at = None
            if now - watched.started_at >= HEALTHY_AFTER_SECONDS:
                watched.failures_in_a_row = 0
        elif not process.wanted:
            watched.restart_at = None
        elif watched.restart_at is None:
            self._schedule(watched, now)
        elif now >= watched.restart_at:
            self._restart(watched, now)

    def _schedule(self, watched: _Watched, now: float) -> None:
        watched.failures_in_a_row += 1
        delay = restart_delay(watched.failures_in_a_row)
        watched.restart_at = now + delay
        name, status, log = watched.process.name, watched.process.exit_status, watched.process.log
        self._report(f"{name} ended with status {status}, starting it again in {delay:g} s (see {log})")

    def _restart(self, watched: _Watched, now: float) -> None:
        watched.restart_at, watched.started_at = None, now
        try:
            watched.process.revive()
        except OSError as error:
            # Out of processes or memory: the next look counts it as one more failure and waits longer.
            self._report(f"{watched.process.name} could not be started: {error}")
