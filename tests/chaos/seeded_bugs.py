"""python -m chaos.seeded_bugs [--by model|chaos] [BUG ...]: plants bugs in a copy of the product, to see them caught.

One at a time, each by the model check and by the chaos suite. Each bug is one change of one line or two. A line that is
no longer there ends the program: the bug has to be planted anew. Returns 0 where every bug was caught by one of them.
"""

import argparse
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
    """What is changed."""

    file: str
    sound: str
    spoiled: str
    only: str = "kill"
    """The faults that strike: what leaves the least to chance within the time."""


BUGS = {
    "ack-before-insert": Bug(
        "llm_runner/outcomes.py",
        "        result = _result(context, attempt, finish_reason)\n",
        "        result = _result(context, attempt, finish_reason)\n        await context.leased.message.ack()\n",
    ),
    "overwritten-message": Bug(
        "shared/storage/entries.py",
        "        refused = await insert_unordered(self._entries, [to_document(entry) for entry in entries])\n",
        "        refused: dict[int, Any] = {}\n"
        "        for one in entries:\n"
        '            place = {"conversation_id": one.conversation_id, "seq": one.seq}\n'
        "            await self._entries.replace_one(place, to_document(one), upsert=True)\n",
        "replay",
    ),
    "done-not-republished": Bug(
        "llm_runner/handlers.py",
        "        if stands.settled:\n"
        "            await self._announcer.result(job, stands.result, context.entries, found=True)\n",
        "        if stands.settled:\n            return\n",
        "kill stalled",
    ),
    "count-without-guard": Bug(
        "shared/storage/runs.py",
        '                {"_id": run_id, "ended": {"$ne": index}},\n',
        '                {"_id": run_id},\n',
        "replay",
    ),
    "guard-ends-handler": Bug(
        "shared/storage/runs.py",
        '        # No match means that it is counted already, never "stop".\n'
        "        return await self._with_settings(document) if document else await self.get(run_id)\n",
        "        return await self._with_settings(document) if document else None\n",
    ),
    "sweeper-ignores-queue": Bug(
        "orchestrator/sweeper.py",
        '        queued = await history.about(self._client, subjects.WORK, ">")\n',
        "        queued: set[str] = set()\n",
    ),
    "resume-off-by-one": Bug(
        "gateway/event_stream/readers/start_position.py",
        "    return WithSnapshot() if dropped else After(cursor.sequence)\n",
        "    return WithSnapshot() if dropped else After(cursor.sequence + 1)\n",
    ),
    "message-not-known-again": Bug(
        "gateway/chat/decide.py",
        "    if last.id is not None and (place := chat.place_of(last.id)) is not None:\n",
        "    if named is not None and last.id is not None and (place := chat.place_of(last.id)) is not None:\n",
        "gateway",
    ),
    "chat-resume-tells-twice": Bug(
        "gateway/answers/positions.py",
        "        if (sequence, place) <= self._since:\n",
        "        if (sequence, place) < self._since:\n",
        "gateway",
    ),
    "chat-cursor-lost": Bug(
        "gateway/chat/service.py",
        "        since = read_position(last_event_id(request)) if answer else None\n",
        "        since = None\n",
        "gateway",
    ),
    "delta-told-around": Bug(
        "gateway/answers/answer_text.py",
        "        if event.attempt != self._attempt or event.number != self._next:\n",
        "        if event.attempt != self._attempt:\n",
        "nats-server",
    ),
    "attempt-not-taken-back": Bug(
        "gateway/answers/answer_text.py",
        "        anew = bool(self._parts) and self._text_attempt != event.attempt\n",
        "        anew = False\n",
        "llm-runner",
    ),
    "message-not-told": Bug(
        "gateway/chat/commands.py",
        "        await publisher.work(command)\n        return True\n",
        "        return True\n",
        "llm-runner",
    ),
}


def main() -> int:
    """Tries the named bugs, or all of them; prints a line for each and whom it was tried by."""
    parser = argparse.ArgumentParser(prog="python -m chaos.seeded_bugs", description=__doc__)
    parser.add_argument("--by", choices=list(TRIED_BY), nargs="+", default=list(TRIED_BY))
    parser.add_argument("bugs", nargs="*", metavar="BUG", help=", ".join(BUGS))
    chosen = parser.parse_args()
    tried = [[_try(name, BUGS[name], by) for by in chosen.by] for name in chosen.bugs or BUGS]
    return 0 if all(any(caught) for caught in tried) else 1


def _try(name: str, bug: Bug, by: str) -> bool:
    """Whether one of both fails with the bug in the product."""
    with tempfile.TemporaryDirectory(prefix="agentwars-planted-") as folder:
        copy = Path(folder)
        for source in SOURCES:
            shutil.copytree(ROOT / source / "src", copy, dirs_exist_ok=True)
        file = copy / bug.file
        text = file.read_text()
        if text.count(bug.sound) != 1:
            sys.exit(f"{name}: {bug.file} does not hold the line to spoil exactly once; plant the bug anew")
        file.write_text(text.replace(bug.sound, bug.spoiled))
        failed = TRIED_BY[by](copy, bug)
    print(f"{name}, {by}: {'caught' if failed else 'NOT CAUGHT'} {' '.join(sorted(failed))}", flush=True)
    return bool(failed)


def _by_model(copy: Path, _bug: Bug) -> set[str]:
    """The tests of the model check that fail."""
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "tests/model"],
        env=os.environ | {"PYTHONPATH": str(copy)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    return set(re.findall(r"^FAILED \S+::(\S+)", ended.stdout, re.MULTILINE))


def _by_chaos(copy: Path, bug: Bug) -> set[str]:
    """The invariants that the chaos suite finds violated."""
    ended = _run_suite(copy, bug.only)
    return set(re.findall(r"^FAIL ([ES]\d+) ", ended.stdout, re.MULTILINE)) if ended.returncode == 1 else set()


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


TRIED_BY = {"model": _by_model, "chaos": _by_chaos}


if __name__ == "__main__":
    sys.exit(main())
