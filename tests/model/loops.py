"""Virtual time, and processes that can be frozen or killed between any two of their outside effects.

Every process has an event loop of its own and nothing but this module runs it: a frozen process is one whose loop is
not run, a dead one is never run again. All loops share one clock, which moves only when the system says so.
"""

import asyncio
import heapq
import types
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
HANDLES_AT_ONCE = 20_000


class Clock:
    """Seconds since the system began: monotonic time, wall clock and every loop's time at once."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def time(self) -> float:
        return EPOCH.timestamp() + self.seconds

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)


class VirtualLoop(asyncio.AbstractEventLoop):
    """As much of an event loop as tasks, futures and timeouts need."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = 0
        self.tasks: list[asyncio.Task[Any]] = []
        self.errors: list[dict[str, Any]] = []

    def time(self) -> float:
        return self._clock.seconds

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:  # type: ignore[override] # without variadic types
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override] # without variadic types
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override] # without variadic types
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._numbers += 1
        heapq.heappush(self._timers, (when, self._numbers, timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is skipped when its time comes."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context)

    @property
    def next_timer(self) -> float | None:
        """When the next timer is due, or None."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def run_ready(self) -> None:
        """Runs what can run now, until everything waits."""
        asyncio.events._set_running_loop(self)
        try:
            for _ in range(HANDLES_AT_ONCE):
                self._move_due()
                if not self._ready:
                    return
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
            raise AssertionError("a process spins: it never waits for anything")
        finally:
            asyncio.events._set_running_loop(None)

    def _move_due(self) -> None:
        due = self.next_timer
        while due is not None and due <= self.time():
            self._ready.append(heapq.heappop(self._timers)[2])
            due = self.next_timer

    def bury(self) -> None:
        """Closes what a dead process left, so that nothing of it complains."""
        self._ready.clear()
        self._timers.clear()
        for task in self.tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                coroutine = task.get_coro()
                assert isinstance(coroutine, types.CoroutineType)
                try:
                    coroutine.close()
                except RuntimeError:
                    # Something in it awaited while it was closed: it is gone all the same.
                    continue
        self.tasks.clear()


@dataclass(eq=False)
class Operation:
    """One outside effect a process waits for. `apply` is the effect itself."""

    name: str
    apply: Callable[[], Any]
    future: asyncio.Future[Any]


@dataclass(eq=False)
class Process:
    """One life of a service. `operations` are its outside effects under way, oldest first.

    `immediate` marks one whose effects happen at once: the test's own hands and eyes.
    """

    name: str
    role: str
    clock: Clock
    immediate: bool = False
    alive: bool = True
    frozen: bool = False
    operations: list[Operation] = field(default_factory=list)
    service: Any = None

    def __post_init__(self) -> None:
        self.loop = VirtualLoop(self.clock)  # type: ignore[abstract] # what no task asks for is left out

    @property
    def running(self) -> bool:
        return self.alive and not self.frozen

    async def outside(self, name: str, apply: Callable[[], Any]) -> Any:
        """Waits until the system lets the effect happen, and returns what it answers."""
        if not self.alive:
            raise GeneratorExit
        if self.immediate:
            return apply()
        operation = Operation(name, apply, self.loop.create_future())
        self.operations.append(operation)
        try:
            return await operation.future
        finally:
            if operation in self.operations:
                self.operations.remove(operation)

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begins a task of this process; it runs as far as it gets unless the process is frozen."""
        task = self.loop.create_task(work)
        self.go_on()
        return task

    def go_on(self) -> None:
        if self.running:
            self.loop.run_ready()

    def perform(self, operation: Operation, answer: BaseException | None = None, *, happens: bool = True) -> None:
        """The effect happens (or not), and its answer, or an error in its place, comes back."""
        self.operations.remove(operation)
        try:
            result = operation.apply() if happens else None
        except Exception as error:  # noqa: BLE001 - the process's own to handle
            answer = answer or error
            result = None
        if not operation.future.done():
            if answer is not None:
                operation.future.set_exception(answer)
            else:
                operation.future.set_result(result)
        self.go_on()

    def die(self) -> None:
        """Nothing of it ever happens again."""
        self.alive = False
        self.operations.clear()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs something of an immediate process to its end."""
        task = self.start(work)
        assert task.done(), f"{self.name} waits although its effects are immediate"
        return task.result()
