"""Markers by folder, an environment without secrets, and the real servers."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from xdist.remote import Producer
from xdist.scheduler import Scheduling

from containers import mongo_in_container, nats_in_container
from local_stack.finder import Binary, Source, find_mongo, find_nats
from local_stack.servers import mongo_running, nats_running
from time_limit import limit
from workers import OneWorkerAStack

TESTS = Path(__file__).parent
_FOLDER_MARKERS = ("integration", "e2e")


def _binary(source: Source) -> Path:
    assert isinstance(source, Binary)  # no URL was in the environment that was searched
    return source.path


def _take_settings_away() -> dict[str, str]:
    """Removes our settings and every provider key, so that no test depends on a setting or reaches a paid API."""
    names = [name for name in os.environ if name.startswith("AGENTWARS_") or name.endswith("_API_KEY")]
    return {name: os.environ.pop(name) for name in names}


_TAKEN = _take_settings_away()
_SERVER_ENVIRONMENT = {**os.environ, **_TAKEN}
"""Only for finding the servers: AGENTWARS_NATS_URL and AGENTWARS_MONGO_URL may name running ones."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives each test the marker of its folder, and its time."""
    for item in items:
        limit(item)
        folder = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
        if folder in _FOLDER_MARKERS:
            item.add_marker(folder)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """Asked only where tests run side by side."""
    return OneWorkerAStack(config, log)


@pytest.fixture(scope="session")
def mongod_binary() -> Path:
    """A mongod to start, for tests that kill it."""
    return _binary(find_mongo({"PATH": os.environ["PATH"]}))


@pytest.fixture(scope="session")
def nats_url(server_folder: Path) -> Iterator[str]:
    """One real nats-server with JetStream for all tests of a worker; they share its streams."""
    source = find_nats(_SERVER_ENVIRONMENT, container=nats_in_container)
    with nats_running(source, server_folder) as url:
        yield url


@pytest.fixture
def fresh_nats_url() -> Iterator[str]:
    """A real, empty nats-server of this test alone (about 0.1 s)."""
    with tempfile.TemporaryDirectory(prefix="agentwars-tests-") as folder:
        source = find_nats(os.environ, container=nats_in_container)
        with nats_running(source, Path(folder)) as url:
            yield url


@pytest.fixture(scope="session")
def mongo_url(server_folder: Path) -> Iterator[str]:
    """One real replica set for all tests of a worker; a test that wants to be alone names a database of its own.

    A query that has no index fails there, instead of becoming slow where there are many documents.
    """
    source = find_mongo(_SERVER_ENVIRONMENT, container=mongo_in_container)
    with mongo_running(source, server_folder) as url:
        with MongoClient[dict[str, Any]](url) as client:
            client.admin.command({"setParameter": 1, "notablescan": True})
        yield url


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Where the servers of the session keep their data; removed at its end."""
    with tempfile.TemporaryDirectory(prefix="agentwars-tests-") as folder:
        yield Path(folder)


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """For a stack of the test's own. Logs stay for reading after a failure; the databases (300 MB) go."""
    folder = tmp_path / "stack"
    yield folder
    for databases in (folder / "nats", folder / "mongo"):
        if databases.exists():
            shutil.rmtree(databases)
