"""Event streams while the broker or the store is away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local_stack.finder import Binary, find_nats
from local_stack.ports import free_port
from local_stack.servers import NatsServer, running
from shared.contracts.identity import new_id
from support.eventually import eventually
from support.gateway.environment import Environment, environment
from support.gateway.event_reader import sequences
from support.gateway.instance import serving


@pytest.fixture
def nats_server(tmp_path: Path) -> NatsServer:
    source = find_nats({"PATH": ""})
    assert isinstance(source, Binary)
    return NatsServer(source.path, tmp_path / "nats", tmp_path / "logs")


@pytest.fixture
async def here(nats_server: NatsServer, mongo_url: str) -> AsyncIterator[Environment]:
    with running(nats_server):
        async with environment(nats_server.url, mongo_url, gateways=2) as made:
            yield made


async def restart(server: NatsServer) -> None:
    server.process.kill()
    server.process.start()
    await asyncio.to_thread(server.wait_ready)


async def back(here: Environment) -> None:
    """Returns when the telling connection and both gateways have their broker again."""
    await eventually(lambda: here.connection.connected)
    for gateway in here.gateways:
        await gateway.connected()


async def test_killed_broker_loses_no_event_of_an_open_stream(here: Environment, nats_server: NatsServer) -> None:
    story = await here.story()
    async with here.gateways[0].open(story.path()) as one, here.gateways[1].open(story.path()) as other:
        await story.start()
        await story.message(1)
        await one.take(2)
        await restart(nats_server)
        await eventually(lambda: here.connection.connected)
        # Told at once: the gateways may not be back yet, and hear of it only from history.
        await story.message(2)
        await story.message(3)
        await back(here)
        await story.message(4)
        await story.end()
        rest = await one.rest()
        whole = await other.rest()
    told = [sequence for sequence, _ in story.told]
    assert sequences(rest) == told[2:]
    assert sequences(whole) == told


async def test_cursor_stays_good_over_a_restart_of_the_broker(here: Environment, nats_server: NatsServer) -> None:
    story = await here.story()
    await story.start()
    await story.message(1)
    async with here.gateways[0].open(story.path()) as client:
        last = (await client.take(2))[-1].id
    await restart(nats_server)
    await back(here)
    await story.end()
    async with here.gateways[1].open(story.path(), last) as client:
        assert [event.event for event in await client.rest()] == ["run.ended"]


async def test_without_broker_a_stream_is_200_with_advice_and_the_end(
    here: Environment, nats_server: NatsServer
) -> None:
    story = await here.story()
    nats_server.process.hold()
    await eventually(lambda: not here.gateways[0].app.state.services.connection.connected)
    async with here.gateways[0].open(story.path()) as client:
        assert client.response.status_code == 200
        assert await client.rest() == []
        assert (client.retry, client.comments[-1]) == (1000, "the broker is away, please reconnect")


async def test_without_broker_the_status_stream_reads_the_store(here: Environment, nats_server: NatsServer) -> None:
    story = await here.story()
    nats_server.process.hold()
    async with here.gateways[0].open(f"/api/jobs/{story.run.id}/stream") as client:
        await client.take(1)
        ended = await story.finish_unheard()
        events = await client.rest()
    assert f'"status":"{ended.status}"' in events[-1].data


@pytest.mark.parametrize("where", ["/api/runs/x/events", "/api/stream/x-1", "/api/jobs/x/stream"])
async def test_without_store_a_stream_is_200_with_advice_and_the_end(fresh_nats_url: str, where: str) -> None:
    nowhere = f"mongodb://127.0.0.1:{free_port()}/?replicaSet=rs0"
    async with serving(fresh_nats_url, nowhere, new_id()) as gateway, gateway.open(where) as client:
        assert client.response.status_code == 200
        assert await client.rest() == []
        assert (client.retry, client.comments[-1]) == (1000, "the store is away, please reconnect")
