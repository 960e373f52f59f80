"""The bounds of a call, phase by phase, and the ways to end it."""

import asyncio

import pytest

from llm_runner.call_deadline import CallDeadline, CallLimits, Interrupted, Interruption
from llm_runner.providers.provider import ProviderFailure

NEVER = 60.0


async def _called(deadline: CallDeadline, texts: int = 0, every: float = 0.0) -> None:
    async with deadline:
        for _ in range(texts):
            await asyncio.sleep(every)
            deadline.token_came()
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("limits", "texts", "said"),
    [
        (CallLimits(0.02, NEVER, NEVER), 0, "no first token within 0.02 s"),
        (CallLimits(NEVER, 0.02, NEVER), 1, "no token for 0.02 s"),
        (CallLimits(NEVER, 0.05, 0.1), 20, "not finished within 0.1 s"),
    ],
)
async def test_a_phase_that_takes_too_long_is_a_timeout(limits: CallLimits, texts: int, said: str) -> None:
    with pytest.raises(ProviderFailure, match=said) as caught:
        await _called(CallDeadline("demo", limits), texts, every=0.01)
    assert (caught.value.code, caught.value.retryable) == ("provider_timeout", True)


async def test_text_that_keeps_coming_does_not_put_the_end_off() -> None:
    async with asyncio.timeout(2):
        with pytest.raises(ProviderFailure, match=r"not finished within 0.05 s"):
            await _called(CallDeadline("demo", CallLimits(NEVER, NEVER, 0.05)), texts=1000, every=0.01)


async def test_an_interruption_ends_the_call_at_once() -> None:
    deadline = CallDeadline("demo", CallLimits(NEVER, NEVER, NEVER))
    asyncio.get_running_loop().call_later(0.01, deadline.interrupt, Interruption.CANCELED)
    async with asyncio.timeout(1):
        with pytest.raises(Interrupted) as caught:
            await _called(deadline)
    assert caught.value.why is Interruption.CANCELED


async def test_a_call_interrupted_before_it_begins_never_begins() -> None:
    deadline = CallDeadline("demo", CallLimits(NEVER, NEVER, NEVER))
    deadline.interrupt(Interruption.STOPPED)
    deadline.interrupt(Interruption.CANCELED)
    with pytest.raises(Interrupted) as caught:
        await _called(deadline)
    assert caught.value.why is Interruption.STOPPED


async def test_text_that_comes_after_an_interruption_does_not_undo_it() -> None:
    deadline = CallDeadline("demo", CallLimits(NEVER, NEVER, NEVER))
    asyncio.get_running_loop().call_later(0.01, deadline.interrupt, Interruption.BEATEN)
    asyncio.get_running_loop().call_later(0.01, deadline.token_came)
    async with asyncio.timeout(1):
        with pytest.raises(Interrupted):
            await _called(deadline)


async def test_cancelling_the_task_is_not_taken_for_an_interruption() -> None:
    task = asyncio.create_task(_called(CallDeadline("demo", CallLimits(NEVER, NEVER, NEVER))))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(("token", "says"), [(False, "no first token within 0.05 s"), (True, None)])
async def test_what_is_no_token_is_waited_for_longer_between_tokens_only(token: bool, says: str | None) -> None:
    deadline = CallDeadline("demo", CallLimits(0.05, 0.05, NEVER))

    async def called() -> None:
        async with deadline:
            if token:
                deadline.token_came()
            for _ in range(12):
                await asyncio.sleep(0.01)
                deadline.alive()

    if says is None:
        await called()
    else:
        with pytest.raises(ProviderFailure, match=says):
            await called()
