"""Which of the broker's counts of deliveries are believed (docs/protocol.md section 4)."""

import asyncio
import math

from nats.aio.msg import Msg

from shared.contracts import subjects
from shared.errors import BrokerUnavailable
from shared.logs import Logger
from shared.messaging import history
from shared.messaging.connection import Connection
from shared.tracebacks import described

PAUSE_SECONDS = 0.5


class DeliveryCounts:
    """Says whether a message comes for the first time.

    A broker that dies may forget how often it delivered what it still holds, and counts from one again. Only of what
    was stored since this connection stands is its count believed: all up to the sequence `doubted_to` of `WORK` may
    have been delivered before, which is everything until that sequence is known.
    """

    def __init__(self, doubted_to: float = math.inf) -> None:
        self.doubted_to = doubted_to

    def first(self, message: Msg) -> bool:
        """Whether the message was never delivered before: False where nobody knows."""
        metadata = message.metadata
        return metadata.num_delivered == 1 and metadata.sequence.stream > self.doubted_to


class DoubtedDeliveries:
    """Keeps `counts` true to the connection: each time that it stands anew, all that `WORK` holds is doubted."""

    def __init__(self, connection: Connection, log: Logger) -> None:
        self.counts = DeliveryCounts()
        self._connection = connection
        self._log = log
        self._losses = 0
        self._owed = asyncio.Event()
        self._owed.set()
        connection.on_disconnected(self._lost)
        connection.on_reconnected(self._stands_anew)

    async def run(self) -> None:
        """Reads the last sequence of `WORK` after each connect, until it is cancelled."""
        while True:
            await self._owed.wait()
            await self.read()
            if self._owed.is_set():
                await asyncio.sleep(PAUSE_SECONDS)

    async def read(self) -> None:
        """Reads it once; without an answer that stays to be done."""
        self._owed.clear()
        losses = self._losses
        try:
            _, last = await history.bounds(self._connection.client, subjects.WORK)
        except BrokerUnavailable as error:
            self._log.info("not known yet which deliveries are the first", error=described(error))
            self._owed.set()
        else:
            # An answer of the broker that died meanwhile says nothing of its next life.
            if losses == self._losses:
                self.counts.doubted_to = last

    async def _lost(self) -> None:
        self._losses += 1
        self.counts.doubted_to = math.inf

    async def _stands_anew(self) -> None:
        self._owed.set()
