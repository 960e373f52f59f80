"""One folder holds everything a stack writes; one stack at a time works in it."""

import contextlib
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_stack.errors import DataDirectoryInUse

OWNERS_FOLDER = 0o700


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Creates the folder and holds it for the length of a `with` block. Raises DataDirectoryInUse.

    It is its owner's alone: conversations and logs are in it.

    The kernel gives the lock back when the launcher ends, however it ends.
    """
    folder.mkdir(mode=OWNERS_FOLDER, parents=True, exist_ok=True)
    with contextlib.suppress(PermissionError):  # somebody else's folder keeps the mode its owner gave it
        folder.chmod(OWNERS_FOLDER)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataDirectoryInUse(folder) from None
        yield
