"""A disk that is small enough to be full, where this process may mount one.

Nothing less is one: a bound of file sizes, or of what JetStream may store, is another error than a write that finds no
room. Mounting takes rights that neither people nor containers have by default, those of CI included: without them a
test is skipped there, too, and says so.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PIECE = b"\0" * 65536


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator["SmallDisk"]:
    """A file system in memory of that size on `folder`. Skips the test where mounting is not permitted."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if mount is None or subprocess.run([mount, *options], capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk of its own cannot be mounted here")
    try:
        yield SmallDisk(folder)
    finally:
        # What still writes there has files open: it goes from the tree now, and with its last file for good.
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=True)


class SmallDisk:
    """Fills what is left of the disk, and gives it back."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Until the system says that no room is left."""
        with self._filler.open("ab", buffering=0) as filler:
            for size in (len(PIECE), 512):
                _write_until_full(filler.fileno(), size)

    def free(self) -> None:
        self._filler.unlink()


def _write_until_full(descriptor: int, size: int) -> None:
    while True:
        try:
            os.write(descriptor, PIECE[:size])
        except OSError:
            return
