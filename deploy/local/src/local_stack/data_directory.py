"""One folder holds everything a stack writes; one stack at a time works in it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_stack.errors import DataDirectoryInUse


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Creates the folder and holds it for the length of a `with` block. Raises DataDirectoryInUse.

    The kernel gives the lock back when the launcher ends, however it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataDirectoryInUse(folder) from None
        yield
