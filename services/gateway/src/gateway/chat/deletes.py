"""Deleting a chat: from its mark on nobody is shown it; then every copy of it goes.

step                                            who finishes it after a death
────                                            ─────────────────────────────
the mark: it is to end, and is kept no longer   (nothing was done before it)
its end                                         the engine's sweeper
what it told on the broker, its work, letters   the sweeper, which forgets the run last
what gateways remember of it                    their deaths, or the next that is remembered
"""

import asyncio
from collections.abc import Callable
from typing import Final

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from gateway.chat.chats import Chats
from gateway.event_stream.log.hub import Hub
from gateway.runs.control import RunControl
from shared.contracts import subjects
from shared.contracts.runs import Run
from shared.errors import BrokerUnavailable, StoreUnavailable
from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.messaging.purges import drop_letters, drop_work, purge_events
from shared.storage.owned import StoreOf

LOOKS: Final = 40
LOOK_SECONDS: Final = 0.025
"""A delete waits a second at most for the engine, so that nothing is told of the chat after it."""
PURGE_SECONDS: Final = 5.0


class DeletedChats:
    """Deletes chats, and drops what this process remembers of those that another gateway deletes.

    `forget_cached` drops what the store keeps in process of a run.
    """

    def __init__(
        self,
        store_of: StoreOf,
        forget_cached: Callable[[str], None],
        connection: Connection,
        control: RunControl,
        chats: Chats,
        hub: Hub,
        log: Logger,
    ) -> None:
        self._store_of = store_of
        self._forget_cached = forget_cached
        self._connection = connection
        self._control = control
        self._chats = chats
        self._hub = hub
        self._log = log

    async def listen(self) -> None:
        """Hears of what other gateways delete, as long as the connection lives."""
        await self._connection.client.subscribe(subjects.forgotten("*"), cb=self._heard)

    async def delete(self, run: Run) -> None:
        """Deletes a chat. What cannot be done now, because the broker or the engine is away, the sweeper does.

        Raises StoreUnavailable; then nothing was done.
        """
        await self._control.give_up(run)
        await self._until_ended(run)
        self._forget(run.id)
        try:
            async with asyncio.timeout(PURGE_SECONDS):
                await self._purge(run.id)
        except (BrokerUnavailable, NatsError, TimeoutError) as error:
            self._log.warning("deleted chat left to the sweeper", run_id=run.id, error=repr(error))

    async def _until_ended(self, run: Run) -> None:
        try:
            for _ in range(LOOKS):
                if _is_settled(await self._store_of(run.owner).runs.get(run.id)):
                    return
                await asyncio.sleep(LOOK_SECONDS)
        except StoreUnavailable as error:
            # It is deleted all the same.
            self._log.warning("end of a deleted chat not seen", run_id=run.id, error=str(error))
        else:
            self._log.info("end of a deleted chat not awaited", run_id=run.id)

    async def _purge(self, run_id: str) -> None:
        if not self._connection.connected:
            raise BrokerUnavailable("a deleted chat's events", ConnectionError("not connected"))
        client = self._connection.client
        await client.publish(subjects.forgotten(run_id), b"")
        await purge_events(client, run_id)
        await drop_work(client, run_id)
        await drop_letters(client, {run_id})

    def _forget(self, run_id: str) -> None:
        """Drops what this process remembers; whoever still reads it is sent away, and is told that it is not there."""
        self._hub.forget(run_id)
        self._chats.cache.forget_run(run_id)
        self._forget_cached(run_id)

    async def _heard(self, message: Msg) -> None:
        self._forget(message.subject.rpartition(".")[2])


def _is_settled(run: Run | None) -> bool:
    """Whether the engine has nothing more to tell of it."""
    return run is None or (run.end_sequence is not None and run.control.handled >= run.control.version)
