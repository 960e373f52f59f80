"""Ports on the loopback interface."""

import os
import random
import socket
import sys
from pathlib import Path

LOOPBACK = "127.0.0.1"
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 20_000
_TRIES = 200

_claims: dict[int, int] = {}
"""The ports this process has handed out, each with the descriptor that tells other stacks of this machine so."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        # As servers do: connections of an ended server, still waiting to time out, do not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A free port below the system's range for outgoing connections, this process's until it ends.

    A port of that range could be taken by any client while its server is being restarted, and a client
    that dials it in a loop can even end up connected to itself. Nor may another stack take it meanwhile.
    """
    for _ in range(_TRIES):
        port = random.randrange(_LOWEST, _first_ephemeral_port())
        if port not in _claims and _claim(port):
            if is_free(port):
                return port
            os.close(_claims.pop(port))
    return _any_free_port()


def _claim(port: int) -> bool:
    """Whether no other process of this machine holds the port for a server of its own, up or down.

    A name in Linux's abstract namespace is taken by who has it bound, and leaves nothing behind. Other systems have no
    such names: there only servers that are up are seen.
    """
    claim = socket.socket(socket.AF_UNIX)
    try:
        if sys.platform == "linux":
            claim.bind(f"\0agentwars-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims[port] = claim.detach()
    return True


def _first_ephemeral_port() -> int:
    if not _EPHEMERAL_RANGE.exists():
        return 32_768
    first = int(_EPHEMERAL_RANGE.read_text().split()[0])
    return first if first > _LOWEST else 65_536


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
