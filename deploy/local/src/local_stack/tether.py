"""Becomes the given command, tied to its parent: when the parent dies, however, the kernel kills the command.

    python -I -S tether.py PARENT_PID COMMAND [ARGUMENT ...]

A program of its own, not a hook between fork and exec: such hooks are unsafe in a process with threads.
The kernel watches the *thread* that started the child, so children are started by threads that outlive them.
Linux only (prctl(2), PR_SET_PDEATHSIG); elsewhere it only becomes the command.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Raises OSError where the kernel refuses; ends the process if the parent is gone already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent:
        sys.exit("the launcher died before its child began")


def main() -> None:
    """Raises OSError when the command cannot be run."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        die_with_parent(int(parent))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
