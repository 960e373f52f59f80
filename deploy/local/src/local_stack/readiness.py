"""Asks every process of the stack over HTTP whether it is ready, until it is."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from local_stack.errors import NotReadyInTime, ProcessEnded
from local_stack.processes import Process

_ASK_EVERY_SECONDS = 0.05
# Longer than a service waits for a broker or a store that does not answer: its answer then says which.
_ANSWER_SECONDS = 5.0
_HOPELESS_AFTER_FAILURES = 5


@dataclass(frozen=True)
class Target:
    """A process and the URL that answers 200 once it is ready."""

    process: Process
    url: str


async def wait_until_ready(targets: Sequence[Target], seconds: float, failures_in_a_row: Callable[[str], int]) -> None:
    """Returns as soon as the last target is ready.

    Raises NotReadyInTime after `seconds`; ProcessEnded if a process fails start after start.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    # Loopback only: a proxy of the environment is none of our business.
    async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as client:
        # One after the other takes no longer than side by side: all of them have to be ready.
        for target in targets:
            last_seen = "not asked yet"
            while last_seen := await _unready_because(client, target):
                if failures_in_a_row(target.process.name) >= _HOPELESS_AFTER_FAILURES:
                    _raise_if_it_failed(target.process)
                if asyncio.get_running_loop().time() >= deadline:
                    process = target.process
                    raise NotReadyInTime(process.name, seconds, last_seen, process.log, process.log_tail())
                await asyncio.sleep(_ASK_EVERY_SECONDS)


async def _unready_because(client: httpx.AsyncClient, target: Target) -> str:
    """What the process answered instead of 200; empty when it is ready."""
    try:
        response = await client.get(target.url)
    except httpx.TransportError as error:
        return f"{target.url}: {type(error).__name__}"
    if response.status_code == httpx.codes.OK:
        return ""
    return f"{target.url} answered {response.status_code}: {response.text[:500]}"


def _raise_if_it_failed(process: Process) -> None:
    status = process.exit_status
    # A negative status is a signal: somebody kills it on purpose, which is no reason to give up.
    if status is not None and status > 0:
        raise ProcessEnded(process.name, status, process.log, process.log_tail())
