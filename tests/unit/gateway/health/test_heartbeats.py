"""What is heard of processes is of our types, whoever says it."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
from nats.aio.msg import Msg

from gateway.health.heartbeats import ERROR_CHARACTERS, Heartbeats, ProviderHealth
from shared.contracts.enums import FailureFamily


async def _heard(data: bytes) -> Heartbeats:
    heartbeats = Heartbeats(structlog.get_logger("test"))
    await heartbeats._heard(cast(Msg, SimpleNamespace(subject="service.llm-runner.heartbeat", data=data)))
    return heartbeats


@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"[]", b"7", b"{", b"\xff\xfe", b"[" * 60_000, b'{"a":' * 9_000 + b"1" + b"}" * 9_000,
     b'{"a":"' + b"x" * 70_000 + b'"}'],
    ids=lambda data: repr(data[:9]),
)  # fmt: skip
async def test_what_is_no_heartbeat_is_none(data: bytes) -> None:
    assert (await _heard(data)).known("llm-runner") == []


@pytest.mark.parametrize("pid", [None, "7", 1.5, True, -1, 10**30, [1], {"a": 1}])
async def test_a_pid_that_is_none_is_none(pid: object) -> None:
    (one,) = (await _heard(json.dumps({"pid": pid}).encode())).fresh("llm-runner")
    assert one.pid is None


@pytest.mark.parametrize("providers", [None, 7, "demo", [], ["demo"], {"demo": None}, {"demo": "down"}, {"demo": []}])
async def test_providers_that_are_none_are_none(providers: object) -> None:
    (one,) = (await _heard(json.dumps({"pid": 7, "providers": providers}).encode())).fresh("llm-runner")
    assert (one.pid, one.providers) == (7, {})


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({"status": "down", "latencyMs": 7, "error": "why"}, ProviderHealth("down", 7.0, "why")),
        ({"status": "degraded", "family": "cut"}, ProviderHealth("degraded", family=FailureFamily.CUT)),
        ({"status": "strange", "family": "strange"}, ProviderHealth()),
        ({"family": ["cut"]}, ProviderHealth()),
        ({"status": ["down"], "latencyMs": "7", "error": {"a": 1}}, ProviderHealth()),
        ({"status": None, "latencyMs": True, "error": 7}, ProviderHealth()),
        ({"latencyMs": float("inf")}, ProviderHealth()),
        ({"latencyMs": float("nan")}, ProviderHealth()),
        ({"latencyMs": -1}, ProviderHealth()),
        ({"latencyMs": 10**400}, ProviderHealth()),
        ({"error": "half \ud83d"}, ProviderHealth(error="half ?")),
        ({"error": "x" * 9999}, ProviderHealth(error="x" * ERROR_CHARACTERS)),
    ],
    ids=str,
)
async def test_what_is_said_of_a_provider_is_of_our_types(said: dict[str, Any], known: ProviderHealth) -> None:
    (one,) = (await _heard(json.dumps({"providers": {"demo": said}}).encode())).fresh("llm-runner")
    assert one.providers == {"demo": known}
