"""How many streams a user may have, over two gateways and after one of them died."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

import pytest

from gateway.errors import TooManyStreams
from gateway.event_stream.connections.admission import streams_per_user
from gateway.event_stream.settings import StreamSettings
from shared.contracts.owner import Owner
from shared.contracts.timestamps import now
from support.callers import caller
from support.eventually import eventually
from support.gateway.environment import Environment, environment
from support.gateway.event_reader import Client
from support.gateway.instance import Instance
from support.gateway.story import Story

LIMIT = 2
ANNA = Owner("default", "anna")
REFUSED = f"too_many_streams: You have {LIMIT} streams open, as many as one user may have: close one, then try again."


@pytest.fixture
async def here(fresh_nats_url: str, mongo_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Environment]:
    monkeypatch.setenv("AGENTWARS_STREAMS_PER_USER", str(LIMIT))
    monkeypatch.setenv("AGENTWARS_STREAM_HEARTBEAT_SECONDS", "0.3")
    async with environment(fresh_nats_url, mongo_url, gateways=2) as made:
        yield made


@asynccontextmanager
async def stream(gateway: Instance, story: Story, user: str = ANNA.user) -> AsyncIterator[Client]:
    """A stream of the run with its first byte read."""
    async with gateway.open(f"/api/runs/{story.run.id}/events", **{"X-User-Id": user}) as client:
        assert client.response.status_code == 200
        await client.until_comment("connected")
        yield client


async def refusal(client: Client) -> str:
    """What a stream that is not admitted says before its end."""
    assert await client.rest() == []
    assert client.retry == 1000
    return client.comments[-1]


async def until_known(here: Environment, holder: str, streams: int) -> None:
    """Returns when the store says that others than `holder` serve so many streams to Anna."""

    async def known() -> bool:
        return await here.store.stream_leases.elsewhere(ANNA, holder, now()) == streams

    await eventually(known)


async def admitted(gateway: Instance, user: str = ANNA.user) -> bool:
    try:
        await gateway.streams.check(caller(user))
    except TooManyStreams:
        return False
    return True


async def refused(gateway: Instance) -> bool:
    return not await admitted(gateway)


async def test_streams_beyond_the_limit_end_with_advice_and_only_those_of_that_user(here: Environment) -> None:
    first, story = here.gateways[0], await here.story()
    async with AsyncExitStack() as open_ones:
        for _ in range(LIMIT):
            await open_ones.enter_async_context(stream(first, story))
        await eventually(lambda: len(first.streams.open_streams) == LIMIT)
        async with stream(first, story) as third:
            assert await refusal(third) == REFUSED
        async with stream(first, story, "berta") as of_another:
            await of_another.until_comment("")  # a heartbeat: it stays
        assert not await admitted(first)
    await eventually(partial(admitted, first))


async def test_status_streams_count_too(here: Environment) -> None:
    first, story = here.gateways[0], await here.story()
    async with stream(first, story), stream(first, story):
        where = f"/api/jobs/{story.run.id}/stream"
        async with first.open(where, **{"X-User-Id": ANNA.user}) as status:
            assert await refusal(status) == REFUSED


async def test_streams_on_one_gateway_count_on_the_other_until_they_end(here: Environment) -> None:
    first, second = here.gateways
    story = await here.story()
    async with stream(first, story), stream(first, story):
        await until_known(here, "nobody", LIMIT)
        await eventually(partial(refused, second))
        async with stream(second, story) as third:
            assert await refusal(third) == REFUSED
    await until_known(here, "nobody", 0)
    await eventually(partial(admitted, second))


async def test_gateway_that_died_frees_its_share_when_its_lease_runs_out(here: Environment) -> None:
    first, leases = here.gateways[0], here.store.stream_leases
    await leases.record("a gateway that died", {ANNA: LIMIT}, now() + timedelta(seconds=2))
    assert not await admitted(first)
    await eventually(partial(admitted, first))


async def test_gateway_that_stops_frees_its_share_at_once(here: Environment) -> None:
    leases = here.store.stream_leases
    await leases.record("stops", {ANNA: LIMIT, Owner("default", "berta"): 1}, now() + timedelta(seconds=60))
    await leases.release("stops")
    assert await leases.elsewhere(ANNA, "somebody else", now()) == 0


async def test_counts_of_one_user_are_not_another_s_nor_one_s_own(here: Environment) -> None:
    leases, until_then = here.store.stream_leases, now() + timedelta(seconds=60)
    await leases.record("one", {ANNA: 3, Owner("default", "berta"): 5}, until_then)
    await leases.record("two", {ANNA: 4, Owner("other", "anna"): 7}, until_then)
    owners = (ANNA, Owner("default", "berta"), Owner("other", "anna"), Owner("other", "berta"))
    asked = [leases.elsewhere(owner, "one", now()) for owner in owners]
    assert await asyncio.gather(*asked) == [4, 0, 7, 0]
    await leases.record("two", {ANNA: 0}, until_then)
    assert await leases.elsewhere(ANNA, "one", now()) == 0


@pytest.mark.parametrize(
    ("host", "setting", "limit"),
    [
        ("127.0.0.1", None, None),
        ("::1", None, None),
        ("localhost", None, None),
        ("0.0.0.0", None, 100),
        ("gateway.example", None, 100),
        ("127.0.0.1", 7, 7),
    ],
)
def test_on_loopback_there_is_no_limit_unless_it_is_set(host: str, setting: int | None, limit: int | None) -> None:
    assert streams_per_user(StreamSettings(streams_per_user=setting), host) == limit
