"""The bootstrap and readiness on real servers."""

import structlog
from nats.aio.client import Client

from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.readiness import Readiness
from shared.settings import NatsSettings
from shared.storage import Store
from shared.storage.indexes import INDEXES, missing_indexes
from shared.topology.bootstrap import bootstrap, missing
from support.builders import registry

NEEDED = ["WORK", "RUN_EVENTS", "DLQ", "WORK/orchestrator-done", "WORK/llm-demo-batch", "WORK/llm-demo-live"]


async def test_bootstrap_makes_everything_once(client: Client, store: Store) -> None:
    made = await bootstrap(client, store, NatsSettings(), registry())
    assert {"made stream WORK", "made stream RUN_EVENTS", "made stream DLQ"} <= set(made)
    assert {"made durable llm-demo-batch", "made durable llm-demo-live"} <= set(made)
    assert await bootstrap(client, store, NatsSettings(), registry()) == []
    assert await missing(client, store, NEEDED) == []


async def test_durable_that_differs_is_changed_in_place(client: Client, store: Store) -> None:
    await bootstrap(client, store, NatsSettings(), registry(concurrency=16, live_concurrency=4))
    changed = await bootstrap(client, store, NatsSettings(), registry(concurrency=10, live_concurrency=3))
    assert sorted(changed) == ["changed durable llm-demo-batch", "changed durable llm-demo-live"]
    consumers = {one.name: one.config for one in await client.jetstream().consumers_info("WORK")}
    shares = (consumers["llm-demo-batch"].max_ack_pending, consumers["llm-demo-live"].max_ack_pending)
    assert shares == (7, 3)


async def test_stream_that_differs_is_changed_in_place(client: Client, store: Store) -> None:
    await bootstrap(client, store, NatsSettings(), registry())
    await client.publish("run.r1.events", b"kept")
    await client.flush()
    settings = NatsSettings(events_max_age_hours=1)
    assert await bootstrap(client, store, settings, registry()) == ["changed stream RUN_EVENTS"]
    info = await client.jetstream().stream_info("RUN_EVENTS")
    assert (info.config.max_age, info.state.messages) == (3600, 1)


async def test_what_is_missing_is_named(client: Client, store: Store) -> None:
    assert await missing(client, store, NEEDED) == NEEDED
    await bootstrap(client, store, NatsSettings(), registry())
    await client.jetstream().delete_consumer("WORK", "llm-demo-batch")
    await store.collection("entries").drop_index("conversation_seq")
    assert await missing(client, store, NEEDED) == ["WORK/llm-demo-batch"]
    assert await missing_indexes(store.database) == ["entries.conversation_seq"]


async def test_every_index_is_made_and_unique_ones_are_unique(store: Store) -> None:
    for index in INDEXES:
        made = (await store.collection(index.collection).index_information())[index.name]
        assert made.get("unique", False) is index.unique


async def test_service_is_ready_when_nothing_it_needs_is_missing(
    client: Client, fresh_nats_url: str, store: Store
) -> None:
    log: Logger = structlog.stdlib.get_logger("test")
    connection = Connection("test", NatsSettings(nats_url=fresh_nats_url), log)
    ready = Readiness(connection, store, ["WORK", "WORK/orchestrator-done"])
    assert await ready() == ["broker: not connected"]
    await connection.open()
    assert await ready() == ["WORK", "WORK/orchestrator-done"]
    await bootstrap(client, store, NatsSettings(), registry())
    assert await ready() == []
    await connection.close()
