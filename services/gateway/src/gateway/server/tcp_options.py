"""What the kernel is told of every connection: how long a peer may be silent, how much may wait for a slow one.

Set on the listening socket; connections inherit it. Where a system does not know an option, its default stays.
"""

import socket
from typing import Final

SILENT_SECONDS: Final = 15
PROBE_SECONDS: Final = 5
PROBES: Final = 3
UNACKNOWLEDGED_MILLISECONDS: Final = 30_000
SEND_BUFFER_BYTES: Final = 256 * 1024

_OPTIONS: Final = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.SOL_SOCKET, "SO_SNDBUF", SEND_BUFFER_BYTES),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", SILENT_SECONDS),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", PROBE_SECONDS),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", PROBES),
    # What was written and is not acknowledged for so long ends the connection: retransmitting goes on for 15 minutes.
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", UNACKNOWLEDGED_MILLISECONDS),
)


def bounded(listening: socket.socket) -> socket.socket:
    """The socket, its future connections bounded: a peer that vanished is noticed within a minute."""
    for level, name, value in _OPTIONS:
        option = getattr(socket, name, None)
        if option is not None:
            listening.setsockopt(level, option, value)
    return listening
