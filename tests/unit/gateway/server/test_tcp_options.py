"""What connections inherit from the listening socket."""

import socket

from gateway.server.tcp_options import PROBE_SECONDS, PROBES, SILENT_SECONDS, UNACKNOWLEDGED_MILLISECONDS, bounded


def test_connections_inherit_how_long_a_silent_peer_may_be_gone() -> None:
    with bounded(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            kept = [
                accepted.getsockopt(socket.IPPROTO_TCP, option)
                for option in (
                    socket.TCP_KEEPIDLE,
                    socket.TCP_KEEPINTVL,
                    socket.TCP_KEEPCNT,
                    socket.TCP_USER_TIMEOUT,
                )
            ]
            assert kept == [SILENT_SECONDS, PROBE_SECONDS, PROBES, UNACKNOWLEDGED_MILLISECONDS]
