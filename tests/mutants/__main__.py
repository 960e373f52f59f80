"""python -m mutants: puts one fault at a time into a copy of the product, and sees that the tests named for it notice.

A row that does not apply any more fails the run, as does a fault that nobody notices.
"""

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue

from mutants.mutant import DoesNotApply, Mutant
from mutants.rows import MUTANTS
from mutants.trial import TreeCopy, Verdict

ROOT = Path(__file__).parents[2]


def main() -> int:
    """0 where every mutant was killed."""
    chosen = _parser().parse_args()
    named = [(part, mutant) for part, mutants in MUTANTS.items() for mutant in mutants]
    rows = [(part, one) for part, one in named if chosen.only in f"{part} {one.file} {one.fault}"]
    if not rows:
        print(f"mutants: none holds {chosen.only!r}", file=sys.stderr)
        return 2
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="agentwars-mutants-") as folder:
        copies: SimpleQueue[TreeCopy] = SimpleQueue()
        for number in range(chosen.at_once):
            copies.put(TreeCopy(ROOT, Path(folder) / str(number)))
        if not _hold(copies, [mutant for _, mutant in rows], chosen.seconds):
            return 1
        killed = _try_all(copies, rows, chosen.at_once, chosen.seconds)
    print(f"mutants: {killed} of {len(rows)} killed, {time.monotonic() - began:.0f} s")
    return 0 if killed == len(rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("--only", default="", help="only mutants whose part, file or fault holds this text")
    parser.add_argument("--at-once", type=int, default=2, help="mutants that are tried side by side")
    parser.add_argument("--seconds", type=float, default=300.0, help="how long the tests of one mutant may take")
    return parser


def _hold(copies: "SimpleQueue[TreeCopy]", mutants: list[Mutant], seconds: float) -> bool:
    """Whether the tests pass on the product as it is: a test that fails anyhow kills nothing."""
    tests = sorted({test for mutant in mutants for test in mutant.killed_by})
    copy = copies.get()
    verdict = copy.run(tests, seconds * len(tests))
    copies.put(copy)
    print(f"mutants: without any, {verdict.last_line}", flush=True)
    if verdict.passed:
        return True
    print(f"mutants: the product as it is fails {verdict.killer or 'its tests'}", file=sys.stderr)
    return False


def _try_all(copies: "SimpleQueue[TreeCopy]", rows: list[tuple[str, Mutant]], at_once: int, seconds: float) -> int:
    """Tries each and says how it ended; returns how many were killed."""
    killed = 0
    with ThreadPoolExecutor(at_once) as pool:
        trials = {pool.submit(_try, copies, mutant, seconds): (part, mutant) for part, mutant in rows}
        for trial in as_completed(trials):
            part, mutant = trials[trial]
            killed += _told(part, mutant, trial.result())
    return killed


def _try(copies: "SimpleQueue[TreeCopy]", mutant: Mutant, seconds: float) -> Verdict | DoesNotApply:
    copy = copies.get()
    try:
        with copy.with_fault(mutant):
            return copy.run(mutant.killed_by, seconds)
    except DoesNotApply as error:
        return error
    finally:
        copies.put(copy)


def _told(part: str, mutant: Mutant, outcome: Verdict | DoesNotApply) -> bool:
    """Prints a mutant's line; whether it was killed."""
    name = f"{part}: {mutant.fault}"
    if isinstance(outcome, DoesNotApply):
        print(f"DOES NOT APPLY  {name}: {outcome}", flush=True)
        return False
    if outcome.killer is None:
        what = "SURVIVED" if outcome.passed else "NOT DECIDED"
        print(f"{what}  {name} ({mutant.file}): {outcome.last_line}", flush=True)
        return False
    print(f"killed  {name}, by {outcome.killer}, {outcome.seconds:.1f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
