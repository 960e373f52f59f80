"""What the hub's bench counts and shows; nothing here is timed."""

import json
from dataclasses import replace

import pytest

from bench.hub.cases import Idle, Large, Polls, Storm
from bench.hub.fan_out import Delivered, Load
from bench.hub.marked_events import MARK, delta, known
from bench.hub.part import MANY_RUNS, SATURATING, HubResults
from bench.hub.readers import requests
from bench.hub.report import hub_markdown

GATEWAY = Delivered("gateway", SATURATING, 140_000, 5.0, 25.0, 40.0, 0.7, 17.0, 0, 0)


def test_event_is_known_again_by_its_number_and_marked_once() -> None:
    event = delta("run", "run-1", 7)
    seen = known(b"id: x\nevent: delta\ndata: " + event)
    assert seen is not None
    assert seen.number == 7
    assert 0 <= seen.delay_seconds < 60
    assert event.count(MARK) == 1
    assert {"type": "delta", "purpose": "turn", "attempt": "a1", "i": 7}.items() <= json.loads(event).items()


def test_frame_of_somebody_else_is_no_event_of_ours() -> None:
    assert known(b"retry: 1000\n: connected") is None


def test_clients_send_their_own_last_id() -> None:
    group = {"host": "h", "path": "/p", "clients": 2, "lastIds": ["a-1", "a-2"], "lastNumbers": [1, 2]}
    (first, one), (second, two) = requests(group)
    assert b"Last-Event-ID: a-1\r\n" in first
    assert b"Last-Event-ID: a-2\r\n" in second
    assert (one, two) == (1, 2)
    assert b"Last-Event-ID" not in requests({"host": "h", "path": "/p", "clients": 1})[0][0]


def test_cost_of_an_event_is_processor_time_over_events() -> None:
    assert GATEWAY.microseconds_per_event == pytest.approx(5.0)
    assert Load(300, 1, 20.0).wanted == 6000


def test_report_shows_targets_and_ratios() -> None:
    others = [
        replace(GATEWAY, server="queue per client", per_second=90_000, cores=0.9),
        replace(GATEWAY, server="nchan", per_second=200_000, cores=0.4),
    ]
    many = replace(GATEWAY, load=MANY_RUNS, p99=41.0)
    results = HubResults(
        machine={"cores": "2"},
        delivered=[GATEWAY, *others, many],
        idle=[Idle(1, 2000, 17.0, 2.0, 0.0)],
        storm=Storm(1000, 1.5, 10, 0, 1.0),
        polls=[Polls(200, 1.0, 200.0, 0.0, 2.0, 9.0, 0.1), Polls(32, 0.0, 1400.0, 0.0, 20.0, 40.0, 0.9)],
        large=Large(1000, 10, 100.0, 5000.0, 0.02, 0.021, 5.0),
    )
    text = hub_markdown(results)
    assert "| queue per client | x 1.56 >= 1.4: yes | 0.50 |" in text
    assert "| nchan | x 0.70 >= 0.65: yes | 2.50 |" in text
    assert "p99 41.0 <= 40: NO" in text
    assert "KB each 17.0 <= 30: yes" in text
    assert "s 1.5 <= 3: yes" in text
    assert "304/s 1,400.00 >= 1,500: NO" in text
    assert "1.05 x its events' cost" in text
