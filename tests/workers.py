"""Which tests share a worker when pytest-xdist runs them side by side."""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

OWN_STACK = frozenset({"test_clean_stops.py", "test_recordings.py", "test_self_healing.py"})
"""Modules of tests/e2e with a stack of their own; all others use the session's."""


class OneWorkerAStack(LoadScopeScheduling):  # type: ignore[misc] # pytest-xdist has no types
    """Tests of one stack go to one worker, and first; every other test goes wherever a worker is free.

    Marks cannot say so: `--dist=loadgroup` groups nothing with pytest 9.2 (pytest-dev/pytest-xdist#1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        module = PurePosixPath(nodeid.partition("::")[0])
        if module.parent.name != "e2e":
            return nodeid
        return module.name if module.name in OWN_STACK else "the session's stack"
