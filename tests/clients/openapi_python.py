"""The package that openapi-python-client makes from the document: type-checked, and driven."""

import asyncio
import os
import sys
from pathlib import Path

import httpx

CLIENTS = Path(__file__).parent
DRIVE = CLIENTS / "generated" / "drive.py"
PACKAGE_NAME = "agent_wars_client"
SECONDS = 60.0


async def drive_generated_package(gateway: str, python: Path, folder: Path) -> None:
    """Makes it in this folder with the tools beside this Python; raises AssertionError with what was found."""
    async with httpx.AsyncClient(base_url=gateway, timeout=SECONDS) as client:
        document = await client.get("/openapi.json")
    kept = _kept(document.raise_for_status().content, folder)
    made = folder / "made"
    await _run(
        python.with_name("openapi-python-client"),
        "generate",
        f"--path={kept}",
        f"--output-path={made}",
        f"--config={CLIENTS / 'openapi_python_client.yaml'}",
        "--fail-on-warning",
    )
    # Its own settings, not ours; the tool writes casts that are not needed.
    checks = ("--config-file=", "--strict", "--no-warn-redundant-casts", f"--cache-dir={folder / 'types'}")
    await _run(
        sys.executable, "-m", "mypy", *checks, f"--python-executable={python}", made / PACKAGE_NAME, DRIVE, path=made
    )
    await _run(python, DRIVE, gateway, path=made)


def _kept(document: bytes, folder: Path) -> Path:
    folder.mkdir()
    path = folder / "openapi.json"
    path.write_bytes(document)
    return path


async def _run(program: str | Path, *arguments: str | Path, path: Path | None = None) -> None:
    environment = os.environ | ({"PYTHONPATH": str(path), "MYPYPATH": str(path)} if path else {})
    command = await asyncio.create_subprocess_exec(
        program, *arguments, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, _ = await command.communicate()
    finally:
        if command.returncode is None:
            command.kill()
    assert command.returncode == 0, f"{program} {' '.join(map(str, arguments))}\n{said.decode()}"
