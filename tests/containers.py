"""The real servers in containers, where a Docker engine answers.

Development here has no Docker engine, so this branch is short on purpose and was never run: the servers of the
pip wheels (local_stack.finder) are what the tests usually run on.
"""

import atexit
import os
import socket
from urllib.parse import urlsplit

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

_ENGINE_SECONDS = 2
_DOCKER_PORT = 2375
_BECOME_PRIMARY = "rs.initiate(); while (!db.hello().isWritablePrimary) sleep(20)"


def nats_in_container() -> str | None:
    """The URL of a fresh nats-server with JetStream that lives as long as this process; None without an engine."""
    if not _engine_answers():
        return None
    container = DockerContainer("nats:2.15").with_command("--jetstream")
    return f"nats://{_started(container, 4222, 'Server is ready')}"


def mongo_in_container() -> str | None:
    """The URL of a fresh one-node replica set that lives as long as this process; None without an engine."""
    if not _engine_answers():
        return None
    container = DockerContainer("mongo:6.0").with_command("--replSet rs0 --bind_ip_all")
    address = _started(container, 27017, "Waiting for connections")
    container.exec(["mongosh", "--quiet", "--eval", _BECOME_PRIMARY])
    # The set knows its member by the container's own name, which only works from inside: hence direct.
    return f"mongodb://{address}/?directConnection=true"


def _started(container: DockerContainer, port: int, ready_line: str) -> str:
    container.with_exposed_ports(port).waiting_for(LogMessageWaitStrategy(ready_line))
    container.start()
    atexit.register(container.stop)
    return f"{container.get_container_host_ip()}:{container.get_exposed_port(port)}"


def _engine_answers() -> bool:
    # Asked by hand: Docker's own client leaves its socket open, a warning and so an error, where nobody answers.
    engine = urlsplit(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    is_local = engine.scheme == "unix"
    with socket.socket(socket.AF_UNIX if is_local else socket.AF_INET) as probe:
        probe.settimeout(_ENGINE_SECONDS)
        try:
            probe.connect(engine.path if is_local else (engine.hostname, engine.port or _DOCKER_PORT))
        except OSError:
            return False
        return True
