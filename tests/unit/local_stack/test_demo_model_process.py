"""The demo model as the process it is: how it starts, announces itself, and survives a kill."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

MESSAGES = [{"role": "user", "content": "Hello"}]


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    command = [sys.executable, "-m", "local_stack.demo_model", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        assert line.startswith("demo model on http://127.0.0.1:"), line
        yield process, line.removeprefix("demo model on ").strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def chat(url: str, **fields: Any) -> tuple[int, bytes]:
    body = {"model": "demo-plain", "messages": MESSAGES, **fields}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http,
        http.post(f"{url}/v1/chat/completions", json=body) as response,
    ):
        return response.status, await response.read()


async def test_killed_server_leaves_its_ledger_to_the_next(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    quick = ("--ledger", str(ledger), "--time-to-first-token", "0", "--tokens-per-second", "100000")
    async with running(*quick) as (process, url):
        assert (await chat(url))[0] == 200
        process.kill()
        await process.wait()
    async with running(*quick) as (_, url):
        assert (await chat(url, stream=True))[1].endswith(b"data: [DONE]\n\n")
    starts = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [one["index"] for one in starts if one["event"] == "start"] == [0, 1]


async def test_terminated_server_ends_quietly_though_a_stream_is_open(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    async with running("--ledger", str(ledger), "--total-seconds", "60") as (process, url):
        async with aiohttp.ClientSession() as http:
            body = {"model": "demo-plain+stall", "messages": MESSAGES, "stream": True}
            async with http.post(f"{url}/v1/chat/completions", json=body):
                process.terminate()
                async with asyncio.timeout(10):
                    _, errors = await process.communicate()
        assert b"Traceback" not in errors, errors.decode()
    assert json.loads(ledger.read_text().splitlines()[-1])["outcome"] == "fault:aborted"


async def test_taken_port_is_one_clear_sentence() -> None:
    async with running() as (_, url):
        port = url.rpartition(":")[2]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "local_stack.demo_model", "--port", port, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(20):
            _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode().count("\n") == 1
    assert "cannot start" in errors.decode()
