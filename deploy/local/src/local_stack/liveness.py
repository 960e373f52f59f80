"""Ends a server that runs and does not work, so that the supervisor starts it again: a liveness probe.

A disk that was full once is the reason: nats-server refuses every message of a stream whose last write failed, for as
long as it runs, however much room there is again. So does one that was started on a full disk: it may never be seen to
work, but it has started, and is given no more time than one that worked.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from local_stack.processes import Process
from local_stack.servers import Server

LOOK_EVERY_SECONDS = 2.0
UNWELL_SECONDS = 15.0
"""Longer than a busy machine, or a test, stops a server for."""
START_SECONDS = 120.0
"""How long a server may take to read what it holds, before it has started."""


@dataclass
class Pulse:
    """What is known of one server: its process, since when it does not work, and whether it has started."""

    pid: int
    since: float
    started: bool = False

    def seen(self, pid: int, works: bool, has_started: bool, now: float) -> bool:
        """Takes a look into account; says whether it is dead though it runs."""
        if pid != self.pid:
            self.pid, self.since, self.started = pid, now, False
        if works or (has_started and not self.started):
            self.since, self.started = now, True
        return now - self.since >= (UNWELL_SECONDS if self.started else START_SECONDS)


@dataclass
class Liveness:
    """One thread a server, because a server that does not work takes its time to say so."""

    report: Callable[[str], None]
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _threads: list[threading.Thread] = field(default_factory=list, init=False)

    def watch(self, server: Server) -> None:
        """From now on. The server has been started by the caller."""
        thread = threading.Thread(target=self._run, args=(server,), name="liveness", daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Returns when no thread looks any more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, server: Server) -> None:
        pulse = Pulse(server.process.pid, time.monotonic())
        while not self._stopping.wait(LOOK_EVERY_SECONDS):
            process = server.process
            if not (process.wanted and process.is_running):
                continue
            works = server.works()
            if pulse.seen(process.pid, works, works or server.has_started(), time.monotonic()):
                self._end(process)

    def _end(self, process: Process) -> None:
        self.report(f"{process.name} runs but does not work, ending it so that it starts again (see {process.log})")
        process.kill()
