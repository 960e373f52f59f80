"""FastStream's broker as every connection of ours uses it."""

from types import TracebackType

from faststream.nats import NatsBroker


class Broker(NatsBroker):
    """One that may be stopped when its connection is closed already."""

    async def stop(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        """As FastStream's; a connection that is closed is not drained once more, which raises."""
        if self._connection is not None and self._connection.is_closed:
            self._connection = None
        await super().stop(exc_type, exc_val, exc_tb)
