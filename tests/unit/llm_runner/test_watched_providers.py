"""What makes a provider `down` for everybody, and what does not."""

import time
from contextlib import suppress

import pytest

from llm_runner.providers.dialects.openai_chat.errors import error_frame, refused
from llm_runner.providers.provider import Chunk, ProviderFailure
from llm_runner.providers.watched_provider import DEGRADED_SECONDS, DOWN_AFTER, WatchedProvider
from shared.contracts.enums import FinishReason
from unit.llm_runner.doubles import ScriptedProvider
from unit.llm_runner.prompts import plain_prompt

PROMPT = plain_prompt()
BROKEN = refused("demo", 500, {}, b"")


async def _after(*outcomes: Exception | None) -> str:
    """The status after calls that failed so, or went well."""
    script: list[Chunk | Exception] = []
    watched = WatchedProvider(ScriptedProvider(script))
    for outcome in outcomes:
        script[:] = [Chunk("Hi"), outcome or Chunk("", FinishReason.STOP)]
        with suppress(ProviderFailure):
            await watched.stream("demo-fast", PROMPT, "a", lambda _: None)
    return str(watched.health(0)["status"])


@pytest.mark.parametrize("status", [400, 404, 413, 422])
async def test_what_one_caller_asked_for_makes_nobodys_provider_down(status: int) -> None:
    assert await _after(*[refused("demo", status, {}, b"")] * 20) == "up"


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_several_calls_that_fail_in_a_row_make_it_down(status: int) -> None:
    failure = refused("demo", status, {}, b"")
    assert await _after(*[failure] * (DOWN_AFTER - 1)) == "degraded"
    assert await _after(*[failure] * DOWN_AFTER) == "down"


async def test_an_error_inside_a_stream_counts_as_its_status_does() -> None:
    assert await _after(*[error_frame({"code": "server_error"}, "demo")] * DOWN_AFTER) == "down"
    assert await _after(*[error_frame({"code": "invalid_request_error"}, "demo")] * DOWN_AFTER) == "up"


async def test_a_call_that_goes_well_makes_it_answer_again() -> None:
    assert await _after(*[BROKEN] * DOWN_AFTER, None) == "degraded"
    assert await _after(BROKEN, BROKEN, None, BROKEN, BROKEN) == "degraded"


async def test_the_last_failure_is_told_by_its_family_and_is_one_of_late_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = WatchedProvider(ScriptedProvider([BROKEN]))
    with suppress(ProviderFailure):
        await watched.stream("demo-fast", PROMPT, "a", lambda _: None)
    assert watched.health(0) == {"status": "degraded", "latencyMs": None, "inFlight": 0, "family": BROKEN.family}
    failed_at = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: failed_at + DEGRADED_SECONDS)
    assert watched.health(0)["status"] == "up"


async def test_what_was_asked_wrongly_clears_nothing() -> None:
    assert await _after(BROKEN, BROKEN, refused("demo", 400, {}, b""), BROKEN) == "down"
