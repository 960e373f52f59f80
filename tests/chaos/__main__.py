"""python -m chaos: kills everything at random while runs go on, then checks that nothing was lost.

The seed decides what is asked, what strikes, whom and when; the machine decides how it interleaves.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from random import Random, SystemRandom
from shlex import quote
from typing import Any

from chaos.chaos_log import ChaosLog
from chaos.checker import Verdict, check
from chaos.conductor import conduct
from chaos.evidence import Evidence, gather, held
from chaos.hostile_client import attack
from chaos.people import converse
from chaos.report import print_report, write_result
from chaos.system import System, moment, running_world
from chaos.workload import work
from shared.cancellation import cancel_all
from support.work_left import work_left

RESULT = Path(".agentwars/chaos-result.json")
TOLD_SECONDS = 120.0
EMPTY_SECONDS = 90.0


def main() -> int:
    """0 where every invariant holds, 1 where one is violated."""
    chosen = _parser().parse_args()
    # No setting and no provider key of whoever starts this may reach the stack.
    for name in [name for name in os.environ if name.startswith("AGENTWARS_") or name.endswith("_API_KEY")]:
        del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="agentwars-chaos-"))
    print(f"chaos: seed {chosen.seed}, {chosen.duration:g} s, in {folder}", flush=True)
    evidence, verdicts = asyncio.run(_run(chosen, folder))
    print_report(evidence, verdicts)
    write_result(chosen.result, evidence, verdicts)
    failed = [verdict.name for verdict in verdicts if verdict.violations]
    if failed or chosen.keep:
        print(f"logs and data are kept in {folder}")
    else:
        shutil.rmtree(folder)
    pace = f"--every {chosen.every:g}" if chosen.apart is None else f"--apart {chosen.apart:g}"
    for name in ("runs", "people", "only"):
        if getattr(chosen, name) != _parser().get_default(name):
            pace += f" --{name} {quote(str(getattr(chosen, name)))}"
    again = f'make chaos SEED={chosen.seed} DURATION={chosen.duration:g} ARGS="{pace}"'
    print(f"FAIL {' '.join(failed)}; again: {again}" if failed else f"PASS all invariants; {again}")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10_000))
    parser.add_argument("--duration", type=float, default=60.0, help="seconds during which faults strike")
    parser.add_argument("--every", type=float, default=4.0, help="seconds between strikes, on average")
    parser.add_argument("--runs", type=int, default=6, help="runs that go on at the same time")
    parser.add_argument("--people", type=int, default=5, help="people who chat at the same time")
    parser.add_argument("--only", help="only faults whose name holds this text")
    parser.add_argument("--apart", type=float, help="one strike at a time, so many seconds apart, to measure each")
    parser.add_argument(
        "--result", type=Path, default=Path(".agentwars/chaos-result.json"), help="where the figures are written"
    )
    parser.add_argument("--keep", action="store_true", help="keep logs and data also where nothing is violated")
    return parser


async def _run(chosen: argparse.Namespace, folder: Path) -> tuple[Evidence, list[Verdict]]:
    record = ChaosLog(chosen.seed, moment())
    async with running_world(folder, Random(chosen.seed), record) as system:
        print("chaos: the stack is ready, faults begin", flush=True)
        stop = asyncio.Event()
        working = asyncio.create_task(_everybody(system, stop, chosen.runs, chosen.people))
        progress = asyncio.create_task(_tell_progress(system))
        try:
            await _while_working(conduct(system, chosen.duration, chosen.every, chosen.only, chosen.apart), working)
            stop.set()
            await _calm(system, working)
        finally:
            progress.cancel()
            working.cancel()
        print("chaos: at rest, checking", flush=True)
        evidence = await gather(system)
        return evidence, await check(system, evidence)


async def _everybody(system: System, stop: asyncio.Event, runs: int, people: int) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(work(system, stop, runs))
        group.create_task(converse(system, stop, people))
        group.create_task(attack(system, stop))


async def _while_working(strikes: Coroutine[Any, Any, None], working: "asyncio.Task[None]") -> None:
    """Strikes; a suite that fails itself is told at once, not when the time is up."""
    striking = asyncio.create_task(strikes)
    await asyncio.wait({striking, working}, return_when=asyncio.FIRST_COMPLETED)
    if not striking.done():
        await cancel_all([striking])
        await working
    await striking


async def _calm(system: System, working: "asyncio.Task[None]") -> None:
    """Heals everything and waits, within bounds, until every run has been told and the queue is empty."""
    print("chaos: no more faults, waiting until every run has ended", flush=True)
    await system.heal()
    system.record.calm_at = moment()
    await asyncio.wait([working], timeout=TOLD_SECONDS)
    if working.done():
        await working
    else:
        system.record.trouble.append(f"not every run ended within {TOLD_SECONDS:g} s of calm")
    await _until_empty(system)


async def _until_empty(system: System) -> None:
    """The stream, and its consumers: after a kill of nats-server they may count for a while what is gone."""
    ends = moment() + EMPTY_SECONDS
    while moment() < ends:
        if not await work_left(system.client) and not any((await held(system)).values()):
            return
        await asyncio.sleep(0.5)
    system.record.trouble.append(f"WORK was not empty within {EMPTY_SECONDS:g} s")


async def _tell_progress(system: System) -> None:
    while True:
        await asyncio.sleep(30)
        told, record = sum(1 for story in system.record.stories if story.ended), system.record
        print(
            f"chaos: {moment() - record.began:.0f} s, {len(record.strikes)} strikes, {told} of "
            f"{len(record.stories)} runs ended",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
