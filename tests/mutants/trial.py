"""Tries mutants in copies of the tree: what a person works on is never touched."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mutants.mutant import Mutant

OPTIONS = ("-x", "-q", "--tb=no", "--no-header", "-p", "no:cacheprovider", "-p", "no:schemathesis")
"""Schemathesis takes a quarter of a short run to load itself, and serves tests/contract only."""
FAILED = 1
"""pytest's exit code where tests ran and some failed; all others above 0 say that they did not run."""
STOPPING_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How tests ended: whether all passed, which one failed first, and pytest's last line."""

    passed: bool
    killer: str | None
    last_line: str
    seconds: float


class TreeCopy:
    """A copy of all files that git knows, and of those it would: tests run there, on the product that stands there."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._folder = folder
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listed, cwd=root, check=True, capture_output=True, text=True).stdout.split("\0"):
            if name and (root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / name, folder / name)
        sources = [*folder.glob("*/src"), *folder.glob("*/*/src")]
        # Before what is installed. No bytecode: Python takes a file of the same size and second for the same text.
        self._environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, sources)),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @contextmanager
    def with_fault(self, mutant: Mutant) -> Iterator[None]:
        """The copy has the fault for a while. Raises DoesNotApply."""
        path = self._folder / mutant.file
        mutated = mutant.applied(self._folder)
        whole = path.read_text()
        path.write_text(mutated)
        try:
            yield
        finally:
            path.write_text(whole)

    def run(self, tests: Sequence[str], limit_seconds: float) -> Verdict:
        """Runs tests until the first that fails."""
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", *tests, *OPTIONS]
        with subprocess.Popen(
            command,
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as pytest:
            try:
                said, _ = pytest.communicate(timeout=limit_seconds)
            except subprocess.TimeoutExpired:
                said = _stopped(pytest)
                return Verdict(
                    False, None, f"no end within {limit_seconds:g} s; {_last_line(said)}", time.monotonic() - began
                )
        killer = _killer(said) if pytest.returncode == FAILED else None
        return Verdict(pytest.returncode == 0, killer, _last_line(said), time.monotonic() - began)


def _stopped(pytest: "subprocess.Popen[str]") -> str:
    """Stops it as Ctrl-C does, so that it stops the servers it started."""
    pytest.send_signal(signal.SIGINT)
    try:
        return pytest.communicate(timeout=STOPPING_SECONDS)[0]
    except subprocess.TimeoutExpired:
        pytest.kill()
        return pytest.communicate()[0]


def _killer(said: str) -> str | None:
    """The test that failed. One that could not even begin (`ERROR`) has noticed nothing."""
    failed = [line.split(" ", 1)[1] for line in said.splitlines() if line.startswith("FAILED ")]
    return failed[0].split(" - ")[0] if failed else None


def _last_line(said: str) -> str:
    lines = [line.strip("= ") for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "pytest said nothing"
