"""Messages of durables, pulled and handled without the services' own machinery."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from shared.cancellation import cancel_all
from shared.contracts import subjects

PULL_SECONDS = 0.5
PULL_BATCH = 16

Handler = Callable[[Msg], Awaitable[None]]


@asynccontextmanager
async def pumped(client: Client, handlers: Mapping[str, Handler]) -> AsyncIterator[None]:
    """Within the block each durable of `WORK` is pulled, and its messages are handled side by side."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(_pump(client, durable, handler)) for durable, handler in handlers.items()]
        try:
            yield
        finally:
            # Once is not always enough for nats-py: a pump that goes on would never end this block.
            assert await cancel_all(running)


async def _pump(client: Client, durable: str, handler: Handler) -> None:
    subscription = await client.jetstream().pull_subscribe_bind(durable, subjects.WORK)
    try:
        async with asyncio.TaskGroup() as handling:
            while True:
                for message in await _pulled(subscription):
                    handling.create_task(_handled(handler, message))
    finally:
        # A pull that still waits would be given a message that nobody reads.
        await subscription.unsubscribe()


async def _pulled(subscription: JetStreamContext.PullSubscription) -> list[Msg]:
    try:
        return await subscription.fetch(PULL_BATCH, timeout=PULL_SECONDS)
    except TimeoutError:
        return []


async def _handled(handler: Handler, message: Msg) -> None:
    await handler(message)
