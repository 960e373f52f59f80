"""What `main` really hands to the server: the options are uvicorn's, and its own defaults would do harm."""

import logging
import socket

import pytest
import uvicorn

from gateway.server import process


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> uvicorn.Config:
    """The configuration of a start that serves nothing."""
    given: list[uvicorn.Config] = []

    def run(self: process.Server, sockets: list[socket.socket]) -> None:
        given.append(self.config)
        for one in sockets:
            one.close()

    monkeypatch.setenv("AGENTWARS_PORT", "0")
    monkeypatch.setattr(process, "configure", lambda *_: logging.getLogger("a gateway"))
    monkeypatch.setattr(logging.getLogger("uvicorn.error"), "filters", [])
    monkeypatch.setattr(process.Server, "run", run)
    process.main()
    return given[0]


def test_connections_outlive_those_who_keep_them(served: uvicorn.Config) -> None:
    """Clients and proxies close theirs after 60 s at most; uvicorn's 5 s would end one under a request."""
    assert served.timeout_keep_alive == 75
