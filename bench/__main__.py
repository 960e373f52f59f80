"""`python -m bench`: measures, prints the tables, writes them to bench/results/; `--bench hub`: the event hub alone."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.first_token import measure_first_tokens
from bench.footprint import Watch
from bench.harness import Harness, running_harness
from bench.hub.part import measure_hub
from bench.hub.report import hub_markdown
from bench.product import NotMeasured
from bench.report import markdown
from bench.results import CaseResult, Results, machine
from bench.turns import play_floor, play_product
from bench.workload import PACE, Case
from local_stack.errors import LocalStackError
from local_stack.interrupts import until_interrupted

RESULTS = Path(__file__).parent / "results"
HUB = "hub"
BENCHES = ("turns", "first-token", HUB)
STREAMS_AT_ONCE = (1, 10)
WARM_UP = Case(2)


async def measure(options: argparse.Namespace) -> Results:
    """Everything that was asked for, on one stack."""
    results = Results(machine=machine())
    cases = [Case(at_once) for at_once in options.at_once] + [Case(at_once, True) for at_once in options.judged]
    cases.sort(key=lambda case: (case.at_once, case.judged))  # what is compared stands side by side in time
    async with running_harness() as harness:
        results.idle_memory_mb = await _memory(harness)
        if "turns" in options.bench:
            results.cases = await measure_turns(harness, cases, options.repetitions)
        if "first-token" in options.bench:
            for at_once in STREAMS_AT_ONCE:
                _say(f"first token, {at_once} at once")
                results.first_tokens.append(await measure_first_tokens(harness, at_once))
    return results


async def measure_turns(harness: Harness, cases: Sequence[Case], repetitions: int) -> list[CaseResult]:
    """Every case, floor and product by turns, all of them once before any of them again."""
    await harness.model.set_pace(PACE)
    agent_id = await harness.product.create_agent()
    await play_product(harness, agent_id, WARM_UP)
    results = [CaseResult(case) for case in cases]
    for repetition in range(1, repetitions + 1):
        for result in results:
            floor = await play_floor(harness, result.case)
            product = await play_product(harness, agent_id, result.case)
            result.floor.append(floor)
            result.product.append(product)
            about = f"{result.case.at_once:4} at once, judge {'on ' if result.case.judged else 'off'}"
            spans = f"floor {floor.span_seconds:6.2f} s, product {product.span_seconds:6.2f} s"
            _say(f"{repetition}/{repetitions} {about}: {spans}")
    return results


async def _memory(harness: Harness) -> dict[str, float]:
    async with Watch(harness.stack) as watch:
        pass
    return watch.footprint.memory_mb


async def measure_all(options: argparse.Namespace) -> list[str]:
    """Measures what was asked for, part by part, and writes each part's files; returns their texts."""
    texts = []
    if set(options.bench) - {HUB}:
        texts.append(write(await measure(options), options.results))
    if HUB in options.bench:
        texts.append(write_text(hub_markdown(await measure_hub(_say)), options.results / "hub.md"))
    return texts


def write_text(text: str, file: Path) -> str:
    """Writes the file and returns its text."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return text


def write(results: Results, folder: Path) -> str:
    """Writes `latest.json` and `latest.md`; returns the latter's text."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "latest.json").write_text(json.dumps(results.as_json(), indent=1) + "\n")
    return write_text(markdown(results), folder / "latest.md")


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    root.add_argument("--bench", nargs="+", choices=BENCHES, default=list(BENCHES))
    root.add_argument("--repetitions", type=int, default=3)
    root.add_argument("--at-once", type=int, nargs="*", default=[1, 10, 100], metavar="N")
    root.add_argument("--judged", type=int, nargs="*", default=[10], metavar="N", help="with a judge on, N at once")
    root.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 1 where nothing could be measured."""
    options = parser().parse_args(arguments)
    try:
        texts = asyncio.run(until_interrupted(measure_all(options), lambda: None))
    except (NotMeasured, LocalStackError, ValueError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if texts is None:
        return 130
    print("\n".join(texts))
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
