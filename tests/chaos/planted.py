"""python -m chaos.planted [BUG ...]: plants bugs in a copy of the product, one at a time, to see that they are caught.

Each bug is one change of one line or two. A line that is no longer there ends the program: the bug has to be planted
anew. Returns 0 where the suite failed for every bug, as it must.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("shared", "services/gateway", "services/orchestrator", "services/llm-runner", "services/summarizer")
LIMIT_SECONDS = 900
DURATION_SECONDS, EVERY_SECONDS = 75, 2.0


@dataclass(frozen=True)
class Bug:
    """What is changed, and which of the checks should fail for it."""

    file: str
    sound: str
    spoiled: str
    expected: tuple[str, ...]
    only: str = "kill"
    """The faults that strike: what leaves the least to chance within the time."""


BUGS = {
    "ack-before-insert": Bug(
        "llm_runner/outcomes.py",
        "        result = _result(case, attempt, finish_reason)\n",
        "        result = _result(case, attempt, finish_reason)\n        await case.held.message.ack()\n",
        ("S7",),
    ),
    "overwritten-message": Bug(
        "shared/storage/entries.py",
        "        taken = await insert_unordered(self._entries, [to_document(entry) for entry in entries])\n",
        "        taken: set[int] = set()\n"
        "        for one in entries:\n"
        '            place = {"conversation_id": one.conversation_id, "seq": one.seq}\n'
        "            await self._entries.replace_one(place, to_document(one), upsert=True)\n",
        ("E2", "E3", "E6", "E7", "E8"),
        "replay",
    ),
    "done-not-republished": Bug(
        "llm_runner/handlers.py",
        "        if stands.settled:\n            await self._announcer.result(job, stands.result, case.entries)\n",
        "        if stands.settled:\n            return\n",
        ("S7", "E7"),
        "kill stalled",
    ),
    "count-without-guard": Bug(
        "shared/storage/runs.py",
        '                {"_id": run_id, "ended": {"$ne": index}},\n',
        '                {"_id": run_id},\n',
        ("E3",),
        "replay",
    ),
    "guard-ends-handler": Bug(
        "shared/storage/runs.py",
        '        # No match means that it is counted already, never "stop".\n'
        "        return await self._with_settings(document) if document else await self.get(run_id)\n",
        "        return await self._with_settings(document) if document else None\n",
        ("E1", "S7"),
    ),
    "sweeper-ignores-queue": Bug(
        "orchestrator/sweeper.py",
        "            queued |= stored.about\n",
        "            continue\n",
        ("S7",),
    ),
    "resume-off-by-one": Bug(
        "gateway/event_stream/beginnings.py",
        "    return WithSnapshot() if dropped else After(cursor.sequence)\n",
        "    return WithSnapshot() if dropped else After(cursor.sequence + 1)\n",
        ("E7",),
    ),
}


def main() -> int:
    """Tries the named bugs, or all of them; prints a line for each."""
    names = sys.argv[1:] or list(BUGS)
    caught = [_try(name, BUGS[name]) for name in names]
    return 0 if all(caught) else 1


def _try(name: str, bug: Bug) -> bool:
    """Whether the suite fails with the bug in the product."""
    with tempfile.TemporaryDirectory(prefix="agentwars-planted-") as folder:
        copy = Path(folder)
        for source in SOURCES:
            shutil.copytree(ROOT / source / "src", copy, dirs_exist_ok=True)
        file = copy / bug.file
        text = file.read_text()
        if text.count(bug.sound) != 1:
            sys.exit(f"{name}: {bug.file} does not hold the line to spoil exactly once; plant the bug anew")
        file.write_text(text.replace(bug.sound, bug.spoiled))
        ended = _run_suite(copy, bug.only)
    failed = set(re.findall(r"^FAIL ([ES]\d+) ", ended.stdout, re.MULTILINE))
    is_caught = ended.returncode == 1 and bool(failed)
    expected = "as expected" if failed & set(bug.expected) else f"expected one of {' '.join(bug.expected)}"
    print(f"{name}: {'caught' if is_caught else 'NOT CAUGHT'} by {' '.join(sorted(failed)) or 'nothing'} ({expected})")
    sys.stdout.flush()
    return is_caught


def _run_suite(copy: Path, only: str) -> "subprocess.CompletedProcess[str]":
    paths = os.pathsep.join([str(copy), str(ROOT / "tests")])
    pace = ("--seed", "5", "--duration", str(DURATION_SECONDS), "--every", str(EVERY_SECONDS), "--only", only)
    return subprocess.run(
        [sys.executable, "-m", "chaos", *pace, "--result", str(copy / "result.json")],
        env=os.environ | {"PYTHONPATH": paths},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
