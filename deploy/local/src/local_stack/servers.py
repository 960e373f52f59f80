"""nats-server and mongod as child processes, each with its folder, its port and a probe of its readiness."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.write_concern import WriteConcern

from local_stack.errors import NotReadyInTime
from local_stack.finder import Binary, External, Source
from local_stack.ports import LOOPBACK, free_port
from local_stack.processes import Process

START_SECONDS = 30.0
STOP_SECONDS = 5.0
_PROBE_EVERY_SECONDS = 0.02
_PROBE_TIMEOUT_SECONDS = 2.0
_NOT_YET_INITIALIZED = 94  # MongoDB's error codes
_ALREADY_INITIALIZED = 23
_PROBE_DATABASE = "agentwars-local"
_MAJORITY = WriteConcern(w="majority", j=True, wtimeout=int(_PROBE_TIMEOUT_SECONDS * 1000))

_NATS_CONFIGURATION = """\
server_name: "agentwars-local"
listen: "{host}:{port}"
http: "{host}:{monitor_port}"
max_payload: 1MB
write_deadline: "10s"
jetstream {{
  store_dir: {store}
  max_memory_store: 64MB
  max_file_store: 32GB
}}
"""


class Server(Protocol):
    """What the stack needs to know of a server."""

    process: Process
    url: str

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Returns as soon as it can be used. Raises ProcessEnded or NotReadyInTime."""

    def works(self) -> bool:
        """Whether it does its work now, which is more than that it listens; answers within a few seconds."""

    def has_started(self) -> bool:
        """Whether it has read what it holds, however much that is; answers within a few seconds."""


class NatsServer:
    """nats-server with JetStream on the loopback interface; its data survives restarts in `folder`."""

    def __init__(self, binary: Path, folder: Path, logs: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.monitor_port = free_port()
        self.url = f"nats://{LOOPBACK}:{self.port}"
        configuration = folder / "nats-server.conf"
        folder.mkdir(parents=True, exist_ok=True)
        configuration.write_text(
            _NATS_CONFIGURATION.format(
                host=LOOPBACK,
                port=self.port,
                monitor_port=self.monitor_port,
                store=json.dumps(str(folder.absolute())),
            )
        )
        command = [str(binary), "--config", str(configuration)]
        # Go's collector then comes sooner (a fifth less memory for little work), and works harder near the limit.
        environment = {"GOMEMLIMIT": "192MiB", "GOGC": "40"}
        self.process = Process("nats-server", command, environment, logs / "nats-server.log")

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Raises ProcessEnded or NotReadyInTime."""
        _wait_until(self._is_ready, self.process, seconds)

    def _is_ready(self) -> bool:
        return self.works() and self.has_started()

    def works(self) -> bool:
        """Its own answer: it knows of a stream whose last write failed, which refuses all that follow."""
        connection = http.client.HTTPConnection(LOOPBACK, self.monitor_port, timeout=_PROBE_TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def has_started(self) -> bool:
        """It greets clients once its streams are restored, and not before."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=_PROBE_TIMEOUT_SECONDS) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False


class MongoServer:
    """mongod as a replica set of one on the loopback interface; its data survives restarts in `folder`."""

    def __init__(self, binary: Path, folder: Path, logs: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"mongodb://{LOOPBACK}:{self.port}/?replicaSet=rs0"
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            *(str(binary), "--quiet", "--nounixsocket"),
            *("--dbpath", str(folder.absolute()), "--bind_ip", LOOPBACK, "--port", str(self.port)),
            *("--replSet", "rs0", "--oplogSize", "128"),  # megabytes
            *("--wiredTigerCacheSizeGB", "0.25"),  # the least it accepts
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *("--setParameter", "transactionLifetimeLimitSeconds=10"),
            # A primary lingers 15 s at SIGTERM for the sake of other members; there are none.
            *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
        ]
        self.process = Process("mongod", command, {"LC_ALL": "C"}, logs / "mongod.log")

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Makes it the primary of its replica set. Raises ProcessEnded or NotReadyInTime."""
        deadline = time.monotonic() + seconds
        # The driver waits half a second after a refused connection; a plain probe does not.
        _wait_until(self._listens, self.process, seconds)
        with _mongo_client(self.port) as client:
            _wait_until(lambda: self._is_primary(client), self.process, deadline - time.monotonic())

    def works(self) -> bool:
        """Whether a write comes to stand with the majority."""
        try:
            with _mongo_client(self.port) as client:
                probes = client.get_database(_PROBE_DATABASE, write_concern=_MAJORITY)["probes"]
                probes.update_one({"_id": "liveness"}, {"$currentDate": {"at": True}}, upsert=True)
        except PyMongoError:
            return False
        return True

    def has_started(self) -> bool:
        """It has once it works: while it listens it may still be recovering, or electing itself."""
        return False

    def _listens(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=_PROBE_TIMEOUT_SECONDS):
                return True
        except OSError:
            return False

    def _is_primary(self, client: "MongoClient[dict[str, Any]]") -> bool:
        try:
            hello = client.admin.command("hello")
            if hello.get("isWritablePrimary"):
                return True
            if not hello.get("setName"):
                self._join_replica_set(client)
        except PyMongoError:
            return False
        return False

    def _join_replica_set(self, client: "MongoClient[dict[str, Any]]") -> None:
        """Initiates the set, or tells a set of an earlier start its new port. Repeatable."""
        member = f"{LOOPBACK}:{self.port}"
        try:
            configuration = client.admin.command("replSetGetConfig")["config"]
        except OperationFailure as error:
            if error.code != _NOT_YET_INITIALIZED:
                raise
            _initiate(client, member)
            return
        configuration["version"] += 1
        configuration["members"][0]["host"] = member
        client.admin.command("replSetReconfig", configuration, force=True)


@contextmanager
def running(server: Server) -> Iterator[str]:
    """Starts the server for the length of a `with` block, without supervision; gives its URL."""
    server.process.start()
    try:
        server.wait_ready()
        yield server.url
    finally:
        server.process.terminate(STOP_SECONDS)


@contextmanager
def nats_running(source: Source, folder: Path) -> Iterator[str]:
    """The URL of a NATS server, started in `folder` unless it is somebody else's."""
    match source:
        case External(url):
            yield url
        case Binary(path):
            with running(NatsServer(path, folder / "nats", folder / "logs")) as url:
                yield url


@contextmanager
def mongo_running(source: Source, folder: Path) -> Iterator[str]:
    """The URL of a MongoDB replica set, started in `folder` unless it is somebody else's."""
    match source:
        case External(url):
            yield url
        case Binary(path):
            with running(MongoServer(path, folder / "mongo", folder / "logs")) as url:
                yield url


def _initiate(client: "MongoClient[dict[str, Any]]", member: str) -> None:
    try:
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": member}]})
    except OperationFailure as error:
        if error.code != _ALREADY_INITIALIZED:
            raise


@contextmanager
def _mongo_client(port: int) -> "Iterator[MongoClient[dict[str, Any]]]":
    milliseconds = int(_PROBE_TIMEOUT_SECONDS * 1000)
    client: MongoClient[dict[str, Any]] = MongoClient(
        LOOPBACK,
        port,
        directConnection=True,
        serverSelectionTimeoutMS=milliseconds,
        connectTimeoutMS=milliseconds,
        socketTimeoutMS=milliseconds,
    )
    try:
        yield client
    finally:
        client.close()


def _wait_until(is_true: Callable[[], bool], process: Process, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() >= deadline:
            raise NotReadyInTime(process.name, seconds, "it runs, but does not serve", process.log, process.log_tail())
        # Between two probes we wait for the process itself: its end ends the waiting at once.
        process.wait(_PROBE_EVERY_SECONDS)
        process.raise_if_ended()
