"""Strikes at random moments until the time is up."""

import asyncio
from collections.abc import Sequence
from random import Random

import httpx

from chaos.chaos_log import Strike
from chaos.fault_catalog import all_faults
from chaos.faults import Busy, Fault
from chaos.system import System, moment

AT_ONCE = 6
WARM_UP_SECONDS = 3.0
FREQUENT = 3.0
"""From this weight on a fault is a plain kill: of one of a service, or of a server."""


async def conduct(system: System, seconds: float, every: float, only: str | None, apart: float | None) -> None:
    """Strikes about once in `every` seconds, some at the same time; returns when the last one has healed.

    With `apart` one strike at a time, and the next one so many seconds after it, so that each can be measured.
    """
    faults = [(fault, weight) for fault, weight in all_faults() if only is None or only in fault.name]
    random, number = Random(f"strikes of {system.record.seed}"), 0
    # Each of the frequent ones comes once before any comes again: a run of a minute kills everything, too.
    first = [fault for fault, weight in faults if weight >= FREQUENT]
    random.shuffle(first)
    ends = moment() + seconds
    await asyncio.sleep(WARM_UP_SECONDS)
    async with asyncio.TaskGroup() as strikes:
        running: set[asyncio.Task[None]] = set()
        while moment() < ends:
            if len(running) < (AT_ONCE if apart is None else 1):
                fault = first.pop() if first else _any(faults, random)
                number += 1
                strike = Strike(fault.name, moment(), random=Random(f"strike {number} of {system.record.seed}"))
                task = strikes.create_task(_strike(system, fault, strike, apart or 0.0))
                running.add(task)
                task.add_done_callback(running.discard)
            await asyncio.sleep(min(random.expovariate(1 / every), 4 * every))
        system.striking = False


def _any(faults: Sequence[tuple[Fault, float]], random: Random) -> Fault:
    """One of them, the heavier the likelier."""
    return random.choices([fault for fault, _ in faults], [weight for _, weight in faults])[0]


async def _strike(system: System, fault: Fault, strike: Strike, apart: float) -> None:
    try:
        await fault.strike(system, strike)
    except Busy:
        return
    except httpx.TransportError as error:
        system.record.trouble.append(f"{fault.name} could not reach the demo model: {error!r}")
        return
    strike.ended = moment()
    system.record.strikes.append(strike)
    await asyncio.sleep(apart)
