"""The settings of runs, kept in process: they never change."""

from shared.contracts.settings import RunSettings
from shared.kept import Kept, held_bytes

KEPT_BYTES = 64 * 1024 * 1024


class KeptSettings:
    """The settings that were used last, at most about `most_bytes` of them; what scenarios share counts once."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._kept: Kept[str, RunSettings] = Kept(most_bytes)

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._kept

    @property
    def bytes(self) -> int:
        """What all of them take in memory, about."""
        return self._kept.bytes

    def get(self, run_id: str) -> RunSettings | None:
        return self._kept.get(run_id)

    def keep(self, run_id: str, settings: RunSettings) -> RunSettings:
        """Keeps a run's settings, and returns them."""
        self._kept.keep(run_id, settings, held_bytes(settings))
        return settings

    def forget(self, run_id: str) -> None:
        """They are not kept any more."""
        self._kept.forget(run_id)
