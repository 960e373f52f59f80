"""Following a run over connections that break: each event once, in order, until the end."""

from collections.abc import Sequence
from datetime import timedelta

import httpx
import pytest

from agentwars.errors import ApiError, ServiceUnavailable
from agentwars.run_events import Follower
from agentwars.sse import Event
from unit.agentwars.scripted_gateway import (
    RUN,
    Answer,
    ScriptedGateway,
    event,
    message,
    refused,
    status,
    stream,
    whole_run,
)

EVENTS = f"/api/runs/{RUN}/events"
STATUS = f"/api/runs/{RUN}/status"
CONVERSATIONS = f"/api/runs/{RUN}/conversations"


class Waits:
    """Notes how long is waited, and waits no time."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def follow(gateway: ScriptedGateway, waits: Waits, cursor: str | None = None) -> list[Event]:
    async with gateway.client() as client:
        follower = Follower(client, RUN, cursor, pause=waits, give_up_after=timedelta(minutes=1))
        return [event async for event in follower.events()]


def gateway_of(*answers: Answer, running: Answer | None = None) -> ScriptedGateway:
    polled = running or httpx.Response(200, json=status(status="running", terminal=False, reportReady=False))
    return ScriptedGateway(
        {
            f"GET {EVENTS}": list(answers),
            f"GET {STATUS}": polled,
            f"GET {CONVERSATIONS}": httpx.Response(200, json={"items": [], "nextCursor": None}),
        }
    )


def ids(events: Sequence[Event]) -> list[str | None]:
    return [event.id for event in events]


async def test_a_stream_is_read_to_its_end_over_one_connection() -> None:
    gateway, waits = gateway_of(stream(*whole_run())), Waits()
    assert ids(await follow(gateway, waits)) == [f"e-{number}" for number in range(1, 10)]
    assert (len(gateway.asked(EVENTS)), waits.seconds) == (1, [])


@pytest.mark.parametrize("cut", range(1, 9))
@pytest.mark.parametrize("breaks", [False, True])
async def test_a_connection_lost_anywhere_goes_on_with_the_next_event(cut: int, breaks: bool) -> None:
    everything = whole_run()
    gateway, waits = gateway_of(stream(*everything[:cut], breaks=breaks), stream(*everything[cut:])), Waits()
    assert ids(await follow(gateway, waits)) == [f"e-{number}" for number in range(1, 10)]
    assert gateway.asked(EVENTS)[1].headers["Last-Event-ID"] == f"e-{cut}"


async def test_an_event_cut_in_the_middle_is_delivered_once_and_whole() -> None:
    everything = b"".join(whole_run())
    answers = [stream(everything[:700], breaks=True)]
    seen = everything[:700].count(b"\n\n")
    answers.append(stream(*whole_run()[seen:]))
    assert ids(await follow(gateway_of(*answers), Waits())) == [f"e-{number}" for number in range(1, 10)]


async def test_events_a_server_repeats_are_delivered_once() -> None:
    everything = whole_run()
    gateway = gateway_of(stream(*everything[:6]), stream(*everything[2:]))
    assert ids(await follow(gateway, Waits())) == [f"e-{number}" for number in range(1, 10)]


async def test_a_reconnect_that_is_answered_204_is_the_end() -> None:
    gateway = gateway_of(httpx.Response(204))
    assert await follow(gateway, Waits(), cursor="e-9") == []


async def test_waits_double_from_the_advised_time_up_to_thirty_seconds() -> None:
    empty = [stream(retry=2000) for _ in range(3)]
    gateway, waits = gateway_of(refused(503, "unavailable"), *empty, stream(*whole_run())), Waits()
    await follow(gateway, waits)
    assert waits.seconds[:2] == [2.0, 8.0]  # 1 s doubled once, then the advised 2 s doubled twice
    assert sum(waits.seconds[2:]) == 16 + 30  # polled meanwhile, so in small steps


async def test_after_repeated_failures_it_polls_and_tells_what_the_stream_did_not() -> None:
    down = refused(503, "unavailable")
    gateway = gateway_of(stream(*whole_run()[:2]), down, down, down, down, running=httpx.Response(200, json=status()))
    gateway.routes[f"GET {CONVERSATIONS}"] = httpx.Response(200, json={"items": [_conversation(1, 2)]})
    gateway.routes[f"GET /api/conversations/{RUN}-1/messages"] = _messages
    gateway.routes[f"GET /api/runs/{RUN}/report"] = httpx.Response(202, json={"status": "pending"})
    told = [(event.type, event.data.get("seq")) for event in await follow(gateway, Waits())]
    assert told == [
        ("run.started", None),
        ("message", 1),
        ("message", 2),
        ("conversation.ended", None),
        ("progress", None),
        ("report.ready", None),
        ("run.ended", None),
    ]


async def test_what_was_polled_is_not_told_again_by_the_stream() -> None:
    down = [refused(503, "unavailable")] * 3
    gateway = gateway_of(*down, stream(*whole_run()))
    gateway.routes[f"GET {CONVERSATIONS}"] = httpx.Response(200, json={"items": [_conversation(1, 2)]})
    gateway.routes[f"GET /api/conversations/{RUN}-1/messages"] = _messages
    events = await follow(gateway, Waits())
    facts = [
        (one.type, one.data.get("conversationId"), one.data.get("seq")) for one in events if one.type != "progress"
    ]
    assert len(facts) == len(set(facts)) == 9


async def test_a_snapshot_is_filled_in_by_polling() -> None:
    gateway = gateway_of(stream(event("snapshot", 4, status="running"), *whole_run()[4:]))
    gateway.routes[f"GET {CONVERSATIONS}"] = httpx.Response(200, json={"items": [_conversation(1, 2, None)]})
    gateway.routes[f"GET /api/conversations/{RUN}-1/messages"] = _messages
    told = [(event.type, event.data.get("seq")) for event in await follow(gateway, Waits())]
    assert told[:4] == [("snapshot", None), ("message", 1), ("message", 2), ("progress", None)]
    assert told[-1] == ("run.ended", None)


@pytest.mark.parametrize(("code", "word"), [(404, "not_found"), (401, "unauthorized"), (403, "forbidden")])
async def test_what_will_not_pass_is_raised_at_once(code: int, word: str) -> None:
    gateway, waits = gateway_of(refused(code, word)), Waits()
    with pytest.raises(ApiError) as caught:
        await follow(gateway, waits)
    assert (caught.value.code, waits.seconds) == (word, [])


async def test_a_gateway_that_stays_away_is_given_up() -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    waits = Waits()
    with pytest.raises(ServiceUnavailable, match="make up"):
        await follow(gateway_of(nobody, running=nobody), waits)
    assert 60 <= sum(waits.seconds) <= 62


def _conversation(index: int, messages: int, reason: str | None = "goal") -> dict[str, object]:
    shown = {"id": f"{RUN}-{index}", "index": index, "status": "complete" if reason else "running"}
    return shown | {"goalReached": bool(reason), "endedReason": reason, "messages": messages, "costUsd": 0.002}


def _messages(request: httpx.Request) -> httpx.Response:
    since = int(request.url.params["sinceSeq"])
    left = [message(1, seq) for seq in (1, 2) if seq > since]
    return httpx.Response(200, json={"messages": left, "nextSince": 2, "hasMore": False})
