"""`python -m shared.topology`: makes streams, durables and indexes, then leaves. Run before the services."""

import asyncio

from shared.logs import configure
from shared.messaging.connection import Connection
from shared.routing import load_registry
from shared.settings import LogSettings, MongoSettings, NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap


async def main() -> None:
    log = configure("topology", LogSettings())
    settings = NatsSettings()
    connection = Connection("topology", settings, log)
    store = Store(MongoSettings())
    done = await bootstrap(await connection.open(), store, settings, load_registry())
    log.info("topology stands", changes=done or "none")
    await connection.close()
    store.close()


asyncio.run(main())
