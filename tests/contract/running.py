"""Schemathesis against a gateway: every operation of the document, held against what is really answered."""

import asyncio
import os
import sys
from pathlib import Path

import httpx

HERE = Path(__file__).parent
PHASES = "examples,coverage,fuzzing,stateful"
ANSWER_SECONDS = 20
STOP_SECONDS = 60.0
"""What a run takes beyond its time: the document is read, findings are written."""


async def findings(gateway: str, seed: int, seconds: int, folder: Path) -> str | None:
    """What is wrong, with the requests that show it; None where nothing is. It asks for about so many seconds.

    The same seed asks the same again, as far as its time goes. Raises TimeoutError.
    """
    async with httpx.AsyncClient(base_url=gateway, timeout=ANSWER_SECONDS) as client:
        made = await client.post("/api/agents", json={"name": "Kettle", "systemPrompt": "You sell kettles."})
    environment = {"SCHEMATHESIS_HOOKS": "contract.hooks", "CONTRACT_AGENT": made.raise_for_status().json()["id"]}
    command = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        "--config-file",
        HERE / "schemathesis.toml",
        "run",
        f"{gateway}/openapi.json",
        f"--phases={PHASES}",
        "--checks=all",
        f"--seed={seed}",
        f"--max-time={seconds}",
        f"--request-timeout={ANSWER_SECONDS}",
        "--generation-database=none",
        "--no-color",
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(HERE.parent)} | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(seconds + STOP_SECONDS):
            said, _ = await command.communicate()
    finally:
        if command.returncode is None:
            command.kill()
    return said.decode() if command.returncode else None
