"""Whose runs are and what they were asked to do, kept in process: neither ever changes."""

from typing import NamedTuple

from shared.bounded_cache import BoundedCache, held_bytes
from shared.contracts.owner import Owner
from shared.contracts.settings import RunSettings

KEPT_BYTES = 64 * 1024 * 1024


class Assignment(NamedTuple):
    """Whose a run is, and what it was asked to do."""

    owner: Owner
    settings: RunSettings


class AssignmentCache:
    """Those that were used last, at most about `most_bytes` of them; what scenarios share counts once."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._kept: BoundedCache[str, Assignment] = BoundedCache(most_bytes)

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._kept

    @property
    def bytes(self) -> int:
        """What all of them take in memory, about."""
        return self._kept.bytes

    def get(self, run_id: str) -> Assignment | None:
        return self._kept.get(run_id)

    def keep(self, run_id: str, assignment: Assignment) -> Assignment:
        """Keeps a run's assignment, and returns it."""
        self._kept.keep(run_id, assignment, held_bytes(assignment.settings))
        return assignment

    def forget(self, run_id: str) -> None:
        """It is not kept any more."""
        self._kept.forget(run_id)
