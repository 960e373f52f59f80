"""MongoDB, the truth. The driver is known here and nowhere else."""

from shared.storage.store import Store

__all__ = ["Store"]
