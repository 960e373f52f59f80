"""`python -m local_stack up` and `demo` as a person runs them, with stand-ins where services and CLI would be."""

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from local_stack.ports import free_port, is_free

STAND_IN = Path(__file__).parents[2] / "stand_in_service.py"
CLIENT = """
import os, sys, urllib.request
answer = urllib.request.urlopen(sys.argv[2] + "/readyz", timeout=5)
print("the client ran", sys.argv[1:2], sys.argv[3:], answer.status, "OPENAI_API_KEY" in os.environ)
sys.exit(3)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Finds the stand-ins before the real packages, and puts temporary data under the test's own folder."""
    modules, temporary = tmp_path / "modules", tmp_path / "temporary"
    (modules / "shared").mkdir(parents=True)
    temporary.mkdir()
    (modules / "shared" / "topology.py").touch()
    (modules / "agentwars.py").write_text(CLIENT)
    for name in ("gateway", "orchestrator", "llm_runner", "summarizer"):
        shutil.copy(STAND_IN, modules / f"{name}.py")
    return {**os.environ, "PYTHONPATH": str(modules), "TMPDIR": str(temporary), "AGENTWARS_PROVIDERS": "{}"}


@contextmanager
def ended_at_last(process: Process) -> Iterator[Process]:
    """A failing test leaves no launcher behind; its children die with it."""
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()


async def launcher(environment: dict[str, str], *arguments: str) -> Process:
    """The launcher as a child of the test."""
    command = (sys.executable, "-m", "local_stack", *arguments)
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)


async def output_until(process: Process, line: str) -> str:
    """What it printed up to the line that contains `line`."""
    assert process.stdout is not None
    seen = ""
    async with asyncio.timeout(30):
        while line not in seen:
            piece = await process.stdout.readline()
            assert piece, f"ended early: {seen}"
            seen += piece.decode()
    return seen


async def end_of(process: Process) -> tuple[int | None, str, str]:
    """Exit status, output, errors."""
    async with asyncio.timeout(30):
        output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_up_serves_until_one_signal_ends_all_of_it(
    environment: dict[str, str], data_dir: Path, number: signal.Signals
) -> None:
    port = free_port()
    environment |= {"AGENTWARS_PORT": str(port), "AGENTWARS_DATA_DIR": str(data_dir)}
    with ended_at_last(await launcher(environment, "up")) as process:
        overview = await output_until(process, "logs ")
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            assert (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
        process.send_signal(number)
        status, _, errors = await end_of(process)
    assert (status, errors) == (0, "")
    assert f"http://127.0.0.1:{port}/docs" in overview
    assert "nats sub -s nats://127.0.0.1:" in overview
    assert is_free(port)


async def test_a_second_up_is_refused_with_one_sentence(environment: dict[str, str], data_dir: Path) -> None:
    arguments = ("up", "--data-dir", str(data_dir), "--port")
    port = str(free_port())
    with ended_at_last(await launcher(environment, *arguments, port)) as first:
        await output_until(first, "logs ")
        taken = await end_of(await launcher(environment, *arguments, port))
        in_use = await end_of(await launcher(environment, *arguments, str(free_port())))
        first.send_signal(signal.SIGTERM)
        assert (await end_of(first))[0] == 0
    assert (taken[0], in_use[0]) == (2, 2)
    assert taken[2].startswith(f"agentwars: port {port} is already taken")
    assert in_use[2].startswith("agentwars: another stack is running on")
    assert taken[2].count("\n") == in_use[2].count("\n") == 1


async def test_demo_ends_as_its_client_did_and_leaves_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    environment["OPENAI_API_KEY"] = "canary"
    with ended_at_last(await launcher(environment, "demo")) as process:
        status, output, errors = await end_of(process)
    assert (status, errors) == (3, "")
    assert "the client ran ['--url'] ['demo'] 200 False" in output
    assert list((tmp_path / "temporary").iterdir()) == []


async def test_demo_keeps_its_data_when_asked_to(environment: dict[str, str], tmp_path: Path) -> None:
    with ended_at_last(await launcher(environment, "demo", "--keep")) as process:
        _, output, _ = await end_of(process)
    [folder] = (tmp_path / "temporary").iterdir()
    assert f"kept in {folder}" in output
    assert {"nats", "mongo", "logs"} <= set(os.listdir(folder))
    await asyncio.to_thread(shutil.rmtree, folder)


async def test_a_signal_during_the_start_ends_it_in_order(environment: dict[str, str], tmp_path: Path) -> None:
    with ended_at_last(await launcher(environment, "demo")) as process:
        await output_until(process, "Starting")
        process.send_signal(signal.SIGINT)
        status, _, errors = await end_of(process)
    assert (status, errors) == (130, "")
    assert list((tmp_path / "temporary").iterdir()) == []
