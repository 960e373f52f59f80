"""One connection a process, that never gives up by itself and never lingers when it is truly closed."""

import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nats.aio.client import Client
from nats.errors import Error as NatsError

from shared.cancellation import ends_within
from shared.logs import Logger
from shared.messaging.broker import Broker
from shared.messaging.direct import Direct, DirectListener, PlainDirect, TextSink
from shared.messaging.quick_client import ROOM_SECONDS, QuickBroker, QuickClient, check_nats_py
from shared.settings import NatsSettings
from shared.tracebacks import described

CONNECT_TIMEOUT_SECONDS = 2
RECONNECT_WAIT_SECONDS = 0.25
PENDING_BYTES = 8 * 1024 * 1024
CLOSE_TIMEOUT_SECONDS = 5.0
Opened = TypeVar("Opened")


class Connection:
    """A service's FastStream broker and the one NATS connection below it: by the quick client, or by nats-py as it is.

    Raises UnknownNatsPy where the quick one cannot be used with the nats-py that is installed.

    It reconnects for ever. A connection that closed for good without being asked to ends the process: FastStream's
    pull loop would spin without yielding, and the supervisor's restart mends it.
    """

    def __init__(self, service: str, settings: NatsSettings, log: Logger) -> None:
        self._log = log
        self._closing = False
        self._away = False
        self._on_disconnected: list[Callable[[], Awaitable[None]]] = []
        self._on_reconnected: list[Callable[[], Awaitable[None]]] = []
        self._on_closing: list[Callable[[], Awaitable[None]]] = []
        self._client: Client | None = None
        self._direct: Direct | None = None
        quick = settings.nats_client == "quick"
        if quick:
            check_nats_py()
        self.broker: Broker = (QuickBroker if quick else Broker)(
            settings.nats_url,
            name=f"{service}-{os.getpid()}",
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            reconnect_time_wait=RECONNECT_WAIT_SECONDS,  # type: ignore[arg-type] # nats-py takes fractions
            max_reconnect_attempts=-1,
            pending_size=PENDING_BYTES,
            flush_timeout=ROOM_SECONDS,
            error_cb=self._error,
            disconnected_cb=self._disconnected,
            reconnected_cb=self._reconnected,
            closed_cb=self._closed,
            logger=None,
            # Handlers take one raw message; injection would send each of them through a thread first.
            apply_types=False,
        )

    async def open(self) -> Client:
        """Connects, waiting for the broker as long as it takes."""
        client = await self.broker.connect()
        self._client = client
        self._direct = client if isinstance(client, QuickClient) else PlainDirect(client)
        return client

    @property
    def client(self) -> Client:
        """The NATS connection. Raises RuntimeError before `open`."""
        return _opened(self._client)

    @property
    def text_sink(self) -> TextSink:
        """Where text is published that need not be confirmed. Raises RuntimeError before `open`."""
        return _opened(self._direct)

    @property
    def listener(self) -> DirectListener:
        """Where live events are heard. Raises RuntimeError before `open`."""
        return _opened(self._direct)

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    def on_disconnected(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Has `callback` run after every loss of the connection, before it can stand again."""
        self._on_disconnected.append(callback)

    def on_reconnected(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Has `callback` run after every reconnect."""
        self._on_reconnected.append(callback)

    def on_closing(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Has `callback` run before the connection closes; it bounds itself."""
        self._on_closing.append(callback)

    async def close(self) -> None:
        """Ends what was to end before, stops subscribers, drains and closes, within a bound."""
        self._closing = True
        if self._client is None:
            return
        for callback in self._on_closing:
            await callback()
        await self._drain()
        # There may be no broker to drain to; what was under way comes again.
        if not self._client.is_closed and not await ends_within(CLOSE_TIMEOUT_SECONDS, self._client.close()):
            self._log.warning("broker connection did not close in time")

    async def _drain(self) -> None:
        try:
            if self.connected and not await ends_within(CLOSE_TIMEOUT_SECONDS, self.broker.stop()):
                self._log.warning("broker connection did not drain in time")
        except NatsError as error:
            self._log.warning("broker connection did not drain", error=described(error))

    async def _error(self, error: Exception) -> None:
        """One line at the beginning of an absence, not one an attempt."""
        if self.connected or not self._away:
            self._log.error("broker error", error=described(error))
        self._away = not self.connected

    async def _disconnected(self) -> None:
        if not self._closing:
            self._away = True
            self._log.warning("broker disconnected")
        for callback in self._on_disconnected:
            await callback()

    async def _reconnected(self) -> None:
        self._away = False
        self._log.info("broker reconnected")
        for callback in self._on_reconnected:
            await callback()

    async def _closed(self) -> None:
        if not self._closing:
            self._log.error("broker connection closed for good, leaving")
            os._exit(1)


def _opened(made: Opened | None) -> Opened:
    if made is None:
        raise RuntimeError("the connection to NATS is not open yet")
    return made
