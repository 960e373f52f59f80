"""Makes the world as the tables say: idempotent, and a durable or stream that differs is changed in place."""

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, StreamConfig
from nats.js.errors import NotFoundError

from shared.contracts import subjects
from shared.routing import Registry
from shared.settings import NatsSettings
from shared.storage import Store
from shared.storage.indexes import make_indexes
from shared.topology.streams import durables, streams

API_TIMEOUT_SECONDS = 10


async def bootstrap(
    client: Client, store: Store, settings: NatsSettings, registry: Registry, *, change: bool = True
) -> list[str]:
    """Makes streams, durables and indexes; returns what it made, changed or dropped, in words.

    Without `change` what stands is left as it is: a service that mends what is gone may be older than its durables.
    """
    stream_api = client.jetstream(timeout=API_TIMEOUT_SECONDS)
    done = []
    for stream in streams(settings):
        done += await _make_stream(stream_api, stream, change)
    for durable in durables(registry):
        done += await _make_durable(stream_api, durable, change)
    return done + await make_indexes(store.database, change=change)


async def _make_stream(stream_api: JetStreamContext, wanted: StreamConfig, change: bool) -> list[str]:
    try:
        present = (await stream_api.stream_info(str(wanted.name))).config
    except NotFoundError:
        await stream_api.add_stream(wanted)
        return [f"made stream {wanted.name}"]
    if not change or not _differs(wanted.as_dict(), present.as_dict()):
        return []
    await stream_api.update_stream(wanted)
    return [f"changed stream {wanted.name}"]


async def _make_durable(stream_api: JetStreamContext, wanted: ConsumerConfig, change: bool) -> list[str]:
    try:
        present = (await stream_api.consumer_info(subjects.WORK, str(wanted.durable_name))).config
    except NotFoundError:
        await stream_api.add_consumer(subjects.WORK, wanted)
        return [f"made durable {wanted.durable_name}"]
    if not change or not _differs(wanted.as_dict(), present.as_dict()):
        return []
    await stream_api.add_consumer(subjects.WORK, wanted)
    return [f"changed durable {wanted.durable_name}"]


def _differs(wanted: dict[str, object], present: dict[str, object]) -> bool:
    """Whether a value that is asked for stands there differently; the server's own defaults do not count."""
    return any(value != present.get(name) for name, value in wanted.items() if value not in (None, -1, 0, False, []))


async def missing(client: Client, store: Store, needed: list[str]) -> list[str]:
    """The streams and durables of `needed` (`STREAM` or `STREAM/durable`) that are not there."""
    stream_api = client.jetstream(timeout=API_TIMEOUT_SECONDS)
    absent = []
    for name in needed:
        stream, _, durable = name.partition("/")
        try:
            if durable:
                await stream_api.consumer_info(stream, durable)
            else:
                await stream_api.stream_info(stream)
        except NotFoundError:
            absent.append(name)
    return absent
