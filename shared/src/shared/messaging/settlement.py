"""How a handler's end becomes the broker's answer (docs/protocol.md section 2).

    returned             -> acknowledged, with confirmation
    StaleMessage         -> acknowledged
    TransientError       -> given back, to come again after its delay
    PermanentError       -> given up: dead letter and ending by `give_up`, then acknowledged
    anything else        -> given back with a growing delay, once; then given up

    cancelled            -> given back at once: this process leaves, another one goes on

How often each may come before the message is given up stands in failures.py. While a handler runs its message is kept
alive. A handler that was silent for longer than `ack_wait` (a frozen process) settles nothing: the message is its
successor's by then.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from shared.errors import NotYet, StaleMessage, TransientError
from shared.logs import Logger
from shared.messaging.failures import ABSENCES, PASSING, Failures
from shared.tracebacks import described

ACK_TIMEOUT_SECONDS: Final = 5.0
LONGEST_DELAY_SECONDS: Final = 30.0
AWAY_SECONDS: Final = 1.0
LONGEST_NOT_YET_SECONDS: Final = 5.0
NOT_YET_SLOWER_BY: Final = 1.15

GiveUp = Callable[[Msg, BaseException], Awaitable[None]]


class KeepAlive:
    """Keeps one message alive, and knows whether its holder was ever silent for too long."""

    def __init__(self, message: Msg, ack_wait_seconds: float, handler_limit_seconds: float) -> None:
        self._message = message
        self._ack_wait = ack_wait_seconds
        self._limit = handler_limit_seconds
        self._began = self._last_sign = time.monotonic()
        self._task: asyncio.Task[None] | None = None
        self._over = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._beat())

    def stop(self) -> None:
        self._over = True
        if self._task is not None:
            self._task.cancel()

    @property
    def lost(self) -> bool:
        """Whether the message may be somebody else's by now."""
        return time.monotonic() - self._last_sign > self._ack_wait

    async def _beat(self) -> None:
        # Asked each time: nats-py swallows a cancellation that meets it while it flushes.
        while not self._over and time.monotonic() - self._began < self._limit:
            await asyncio.sleep(self._ack_wait / 3)
            if self.lost:
                return
            try:
                await self._message.in_progress()
            except NatsError:
                # No sign of life: after ack_wait of them the message is its successor's.
                continue
            self._last_sign = time.monotonic()


async def confirm(message: Msg) -> None:
    """Acknowledges and waits for the server to have it; unconfirmed, the message comes again."""
    await message.ack_sync(timeout=ACK_TIMEOUT_SECONDS)


def give_back_delay(message: Msg, error: BaseException) -> float:
    """Seconds until a message that was not done comes again."""
    delivered = message.metadata.num_delivered
    if isinstance(error, NotYet):
        slower = error.retry_after.total_seconds() * NOT_YET_SLOWER_BY ** min(delivered - 1, 100)
        return min(LONGEST_NOT_YET_SECONDS, slower)
    if isinstance(error, TransientError):
        return error.retry_after.total_seconds()
    if isinstance(error, ABSENCES):
        return AWAY_SECONDS
    return min(LONGEST_DELAY_SECONDS, 0.2 * 2.0 ** min(10, delivered))


async def settled(
    message: Msg,
    handler: Awaitable[object],
    lost: Callable[[], bool],
    settle: Callable[[Msg, Exception | None], Awaitable[None]],
    log: Logger,
) -> None:
    """Awaits the handler and has `settle` answer the broker, unless the message is `lost` to a successor by then."""
    try:
        error = await _outcome(handler)
        if lost():
            log.warning("handler was frozen, message left to its successor", subject=message.subject)
            return
        await settle(message, error)
    except PASSING as settling:
        # Unsettled, the message comes again after ack_wait: repeating it is harmless.
        log.warning("message was not settled", subject=message.subject, error=described(settling))
    except asyncio.CancelledError:
        # This process leaves: another one goes on at once.
        if not (lost() or message.is_acked):
            await message.nak()
        raise


async def _outcome(handler: Awaitable[object]) -> Exception | None:
    try:
        await handler
    except Exception as error:  # noqa: BLE001 - the one place where every error becomes an answer
        return error
    return None


class Settlement:
    """Runs a handler for a raw JetStream message and settles it."""

    def __init__(self, log: Logger, give_up: GiveUp, ack_wait_seconds: float, handler_limit_seconds: float):
        self._log = log
        self._give_up = give_up
        self._ack_wait = ack_wait_seconds
        self._limit = handler_limit_seconds
        self._failures = Failures()

    async def run(self, message: Msg, handler: Awaitable[object]) -> None:
        """Awaits the handler and settles the message by how it ended."""
        lifeline = KeepAlive(message, self._ack_wait, self._limit)
        lifeline.start()
        try:
            await settled(message, handler, lambda: lifeline.lost, self._settle, self._log)
        finally:
            lifeline.stop()

    async def _settle(self, message: Msg, error: Exception | None) -> None:
        if error is None or isinstance(error, StaleMessage):
            self._failures.forget(message)
            await confirm(message)
        elif self._failures.exhausted(message, error):
            await self._bury(message, error)
        else:
            known = isinstance(error, PASSING)
            level, shown = (self._log.info, None) if known else (self._log.error, error)
            level("message given back", subject=message.subject, error=described(error), exc_info=shown)
            await message.nak(delay=give_back_delay(message, error))

    async def _bury(self, message: Msg, error: Exception) -> None:
        """Raises what says that store or broker are away: then it comes again, to be given up again."""
        self._log.error("message given up", subject=message.subject, error=described(error), exc_info=error)
        try:
            await self._give_up(message, error)
        except PASSING:
            raise
        except Exception as failed:  # noqa: BLE001 - one that cannot even be given up must not come again for ever
            self._log.error("message dropped", subject=message.subject, error=described(failed), exc_info=failed)
        self._failures.forget(message)
        await confirm(message)
