"""Telling the engine: commands on the work stream, and the fast path of control. Never blocks an answer for long."""

import asyncio
import json

from nats.errors import Error as NatsError
from nats.js.api import PubAck

from shared.contracts import subjects
from shared.contracts.enums import Wanted
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.work import RunCommanded
from shared.errors import BrokerUnavailable
from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.messaging.publisher import Publisher

CANCEL = json.dumps({"wanted": Wanted.CANCEL}).encode()


class RunCommands:
    """Publishes what the store holds already. What cannot be told now is found by the sweeper (section 7)."""

    def __init__(self, connection: Connection, timeout_seconds: float, log: Logger) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self._log = log
        self._sending: set[asyncio.Task[PubAck]] = set()

    async def announce(self, run: Run) -> None:
        """Has an orchestrator look at the run in its control version."""
        command = RunCommanded(run_id=run.id, at=now(), version=run.control.version)
        try:
            await self._publish(command)
        except BrokerUnavailable as error:
            self._log.warning("command left to the sweeper", run_id=run.id, error=str(error))

    async def signal(self, run: Run) -> None:
        """Says on the fast path that a cancel is wanted: runners close the calls of the run at once."""
        if run.control.wanted is not Wanted.CANCEL or not self._connection.connected:
            return
        try:
            # Only put into the connection's buffer: what it raises is said at once.
            await self._connection.client.publish(subjects.control(run.id), CANCEL)
        except NatsError as error:
            self._log.warning("control signal lost", run_id=run.id, error=repr(error))

    async def _publish(self, command: RunCommanded) -> None:
        """Waits for the confirmation as long as an answer may wait; after that it goes on by itself."""
        if not self._connection.connected:
            raise BrokerUnavailable(command.subject, ConnectionError("not connected"))
        sending = asyncio.create_task(Publisher(self._connection.client).work(command))
        self._sending.add(sending)
        sending.add_done_callback(self._sent)
        # Not a timeout around it: nats-py may swallow the cancellation that a timeout is.
        done, _ = await asyncio.wait({sending}, timeout=self._timeout_seconds)
        if not done:
            raise BrokerUnavailable(command.subject, TimeoutError("not confirmed yet"))
        await sending

    def _sent(self, sending: asyncio.Task[PubAck]) -> None:
        self._sending.discard(sending)
        if not sending.cancelled() and (error := sending.exception()) is not None:
            self._log.debug("command not confirmed", error=repr(error))
