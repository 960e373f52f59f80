"""The launcher with the real servers, and a stand-in where a service would be."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
from pymongo import MongoClient

from local_stack.data_directory import exclusive
from local_stack.errors import (
    DataDirectoryInUse,
    NotReadyInTime,
    PortTaken,
    ProcessEnded,
    UnknownService,
)
from local_stack.processes import Process
from local_stack.servers import MongoServer, running
from local_stack.services import Service
from local_stack.stack import Stack
from support.eventually import eventually

STAND_IN = (sys.executable, str(Path(__file__).parents[2] / "stand_in_service.py"))
SERVICES = (
    Service("gateway", STAND_IN, port_variable="AGENTWARS_PORT"),
    Service("llm-runner", STAND_IN, holds_provider_keys=True),
)
NOTHING = (sys.executable, "-c", "pass")
LAUNCHER = """
import asyncio, sys
from pathlib import Path
from local_stack.stack import Stack

async def main():
    stack = Stack(Path(sys.argv[1]), services=(), bootstrap=(sys.executable, "-c", "pass"), demo_model=False)
    async with stack:
        print(*(process.pid for process in stack.processes), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def stack_of(data_dir: Path, **options: Any) -> Stack:
    """A stack of the servers and two stand-ins, unless `options` say otherwise."""
    chosen: dict[str, Any] = {"services": SERVICES, "bootstrap": NOTHING, "demo_model": False} | options
    return Stack(data_dir, **chosen)


def shows_canary(process: Process) -> bool:
    """Whether the process was given the key that the test planted."""
    return b"canary" in Path(f"/proc/{process.pid}/environ").read_bytes()


def is_gone(pid: int) -> bool:
    """No such process, or only its exit status is left to be read."""
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


async def test_data_and_logs_are_their_owners_alone(data_dir: Path) -> None:
    _leave_readable_by_all(data_dir)
    async with stack_of(data_dir) as stack:
        await stack.ready(20)
        modes = _modes(data_dir)
        assert (data_dir / "nats-url").read_text() == f"{stack.nats_url}\n"
    assert modes.pop(".") == 0o700
    assert {mode for path, mode in modes.items() if path.endswith(".log")} == {0o600}
    assert {path for path in modes if path.startswith("logs/")} >= {"logs/mongod.log", "logs/nats-server.log"}
    servers = {path: mode for path, mode in modes.items() if path.startswith(("nats/jetstream", "mongo/"))}
    assert {path for path, mode in servers.items() if mode & 0o077} == set()
    assert len(servers) > 5


def _leave_readable_by_all(data_dir: Path) -> None:
    """As an earlier version left it."""
    (data_dir / "logs").mkdir(parents=True)
    data_dir.chmod(0o755)
    (data_dir / "logs" / "mongod.log").touch(mode=0o644)


def _modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}


async def test_every_part_becomes_ready_and_nothing_is_left(data_dir: Path) -> None:
    async with stack_of(data_dir, replicas={"gateway": 2}) as stack:
        await stack.ready(20)
        assert len(set(stack.gateway_urls)) == 2
        pids = [process.pid for process in stack.processes]
        assert {name for name, used in stack.memory().items() if used > 1_000_000} == {
            *("nats-server", "mongod", "gateway-0", "gateway-1", "llm-runner-0")
        }
    assert all(is_gone(pid) for pid in pids)


async def test_only_llm_runner_is_given_provider_keys(data_dir: Path) -> None:
    async with stack_of(data_dir, env={"OPENAI_API_KEY": "canary"}) as stack:
        await stack.ready(20)
        seeing = [process.name for process in stack.processes if shows_canary(process)]
    assert seeing == ["llm-runner-0"]


async def test_services_are_told_where_the_servers_are(data_dir: Path) -> None:
    async with stack_of(data_dir) as stack, httpx.AsyncClient(timeout=5, trust_env=False) as client:
        await stack.ready(20)
        environment = (await client.get(f"{stack.gateway_urls[0]}/environment")).json()
    told = {name: environment[f"AGENTWARS_{name}"] for name in ("NATS_URL", "MONGO_URL", "MONGO_DATABASE")}
    assert told == {"NATS_URL": stack.nats_url, "MONGO_URL": stack.mongo_url, "MONGO_DATABASE": "agentwars"}


async def test_a_killed_nats_server_comes_back_on_its_port_with_its_data(data_dir: Path) -> None:
    async with stack_of(data_dir, services=()) as stack:
        connection = await nats.connect(stack.nats_url, max_reconnect_attempts=-1, reconnect_time_wait=0.05)
        await connection.jetstream().add_stream(name="KEPT", subjects=["kept"])
        await connection.jetstream().publish("kept", b"before the kill")
        server = stack.process("nats-server")
        first = server.pid
        server.kill()
        await eventually(lambda: server.pid != first and connection.is_connected)
        message = await connection.jetstream().get_last_msg("KEPT", "kept")
        await connection.close()
    assert message.data == b"before the kill"


async def test_a_killed_mongod_comes_back_as_primary_with_its_data(data_dir: Path) -> None:
    async with stack_of(data_dir, services=()) as stack:
        with MongoClient[dict[str, Any]](stack.mongo_url, serverSelectionTimeoutMS=20_000) as client:
            await asyncio.to_thread(client.test.kept.insert_one, {"text": "before the kill"})
            stack.process("mongod").kill()
            found = await asyncio.to_thread(client.test.kept.find_one)
            await asyncio.to_thread(client.test.kept.insert_one, {"text": "after the kill"})
    assert found is not None
    assert found["text"] == "before the kill"


def test_a_replica_set_follows_its_server_to_another_port(mongod_binary: Path, data_dir: Path) -> None:
    for attempt in (1, 2):
        server = MongoServer(mongod_binary, data_dir / "mongo", data_dir / "logs")
        with running(server) as url, MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=10_000) as client:
            client.test.kept.insert_one({"attempt": attempt})
            assert client.test.kept.count_documents({}) == attempt


async def test_a_held_service_stays_down_until_started(data_dir: Path) -> None:
    told: list[str] = []
    async with stack_of(data_dir, report=told.append) as stack:
        await stack.ready(20)
        gateway = stack.process("gateway", 0)
        gateway.hold()
        with pytest.raises(NotReadyInTime, match="gateway-0 was not ready within"):
            await stack.ready(0.5)
        assert told == []
        gateway.start()
        await stack.ready(20)


async def test_a_paused_service_is_ended_all_the_same(data_dir: Path) -> None:
    async with stack_of(data_dir) as stack:
        await stack.ready(20)
        runner = stack.process("llm-runner")
        runner.pause()
        with pytest.raises(NotReadyInTime):
            await stack.ready(0.1)
    assert runner.exit_status == -signal.SIGTERM


def test_a_process_deaf_to_sigterm_is_killed(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    process = Process("deaf", (sys.executable, "-c", deaf), {}, tmp_path / "deaf.log")
    process.start()
    while "deaf\n" not in process.log.read_text():
        process.raise_if_ended()
        process.wait(0.01)
    process.terminate(0.2)
    assert process.exit_status == -signal.SIGKILL


async def test_a_service_that_fails_at_every_start_is_reported_with_its_log(data_dir: Path) -> None:
    failing = Service("gateway", (sys.executable, "-c", "raise SystemExit('no such setting')"))
    async with stack_of(data_dir, services=(failing,)) as stack:
        with pytest.raises(ProcessEnded, match=r"gateway-0 ended with status 1(.|\n)*no such setting"):
            await stack.ready(30)


async def test_a_failed_bootstrap_ends_everything(data_dir: Path) -> None:
    stack = stack_of(data_dir, bootstrap=(sys.executable, "-c", "raise SystemExit('stream refused')"))
    with pytest.raises(ProcessEnded, match=r"bootstrap ended with status 1(.|\n)*stream refused"):
        await stack.__aenter__()
    assert all(is_gone(process.pid) for process in stack.processes)


async def test_a_taken_port_is_refused_before_anything_starts(data_dir: Path) -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        stack = stack_of(data_dir, gateway_port=port)
        with pytest.raises(PortTaken, match=f"port {port} is already taken"):
            await stack.__aenter__()
    assert stack.processes == []


async def test_a_second_stack_on_the_same_data_is_refused(data_dir: Path) -> None:
    with exclusive(data_dir), pytest.raises(DataDirectoryInUse, match="another stack is running on"):
        await stack_of(data_dir).__aenter__()


def test_replicas_of_an_unknown_service_are_refused(data_dir: Path) -> None:
    with pytest.raises(UnknownService, match="no gatway: it has gateway, llm-runner"):
        stack_of(data_dir, replicas={"gatway": 2})


async def test_no_server_outlives_a_launcher_that_was_killed(data_dir: Path) -> None:
    launcher = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LAUNCHER, str(data_dir)), stdout=asyncio.subprocess.PIPE
    )
    assert launcher.stdout is not None
    async with asyncio.timeout(20):
        pids = [int(pid) for pid in (await launcher.stdout.readline()).split()]
    assert len(pids) == 2
    launcher.kill()
    await launcher.wait()
    await eventually(lambda: all(is_gone(pid) for pid in pids))


async def test_the_fixtures_give_real_servers(nats_url: str, fresh_nats_url: str, mongo_url: str) -> None:
    assert nats_url != fresh_nats_url
    for url in (nats_url, fresh_nats_url):
        connection = await nats.connect(url)
        assert (await connection.jetstream().account_info()).memory == 0
        await connection.close()
    with MongoClient[dict[str, Any]](mongo_url, serverSelectionTimeoutMS=10_000) as client:
        assert (await asyncio.to_thread(client.admin.command, "hello"))["setName"] == "rs0"
