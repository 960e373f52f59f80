"""`up` and `demo`: what `make up` and `make demo` do."""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_stack.environments import only
from local_stack.interrupts import until_interrupted
from local_stack.stack import Stack

_CLIENT_STOP_SECONDS = 5.0
_INTERRUPTED = 130  # what shells report for a program ended by Ctrl-C


def wants_demo_model(environment: Mapping[str, str]) -> bool:
    """No, where the environment names a real provider."""
    return not (environment.get("OPENAI_API_KEY") or environment.get("AGENTWARS_PROVIDERS"))


async def up(data_dir: Path, port: int, replicas: Mapping[str, int], demo_model: bool, dialects: Sequence[str]) -> int:
    """Runs the stack until Ctrl-C or SIGTERM. Returns the exit status."""
    stack = Stack(
        data_dir,
        replicas=replicas,
        gateway_port=port,
        demo_model=demo_model,
        demo_dialects=dialects,
        report=_say,
    )
    await until_interrupted(_serve(stack), stack.kill)
    _say("Everything has ended.")
    return 0


async def _serve(stack: Stack) -> None:
    began = time.monotonic()
    _say("Starting ...")
    async with stack:
        await stack.ready()
        _say(_overview(stack, time.monotonic() - began))
        try:
            await asyncio.Event().wait()  # until cancelled
        finally:
            _say("\nEnding ... (Ctrl-C again: at once)")


def _overview(stack: Stack, seconds: float) -> str:
    gateway = stack.gateway_urls[0]
    rows = [
        ("gateway", " ".join(stack.gateway_urls)),
        ("API docs", f"{gateway}/docs"),
        ("demo model", stack.demo_model_url or "not started: a real provider is configured"),
        ("NATS", f"{stack.nats_url}   watch: nats sub -s {stack.nats_url} 'ev.>'"),
        ("MongoDB", stack.mongo_url),
        ("data", str(stack.data_dir)),
        ("logs", str(stack.logs)),
    ]
    lines = [f"  {name:<11} {value}" for name, value in rows]
    return "\n".join([f"Agent Wars is up ({seconds:.1f} s). Ctrl-C ends all of it.", *lines])


async def demo(keep: bool, demo_model: bool, dialects: Sequence[str]) -> int:
    """Runs the CLI's demo against a stack of its own. Returns the CLI's exit status."""
    folder = Path(tempfile.mkdtemp(prefix="agentwars-demo-"))
    stack = Stack(folder, demo_model=demo_model, demo_dialects=dialects, report=_say)
    try:
        status = await until_interrupted(_play(stack), stack.kill)
    finally:
        if keep:
            _say(f"Data and logs are kept in {folder}")
        else:
            shutil.rmtree(folder)
    return _INTERRUPTED if status is None else status


async def _play(stack: Stack) -> int:
    began = time.monotonic()
    _say("Starting nats-server, mongod and the services ...")
    async with stack:
        await stack.ready()
        _say(f"The stack is ready ({time.monotonic() - began:.1f} s), gateway on {stack.gateway_urls[0]}")
        return await _run_client(stack.gateway_urls[0])


async def _run_client(url: str) -> int:
    # In the terminal's own process group: it draws there, and Ctrl-C reaches it too.
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agentwars", "--url", url, "demo"), env=only(os.environ)
    )
    try:
        status = await client.wait()
    finally:
        await _end_client(client)
    return status if status >= 0 else 128 - status


async def _end_client(client: asyncio.subprocess.Process) -> None:
    if client.returncode is not None:
        return
    client.terminate()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLIENT_STOP_SECONDS):
            await client.wait()
            return
    client.kill()
    await client.wait()


def _say(line: str) -> None:
    print(line, flush=True)
