"""python -m clients: the clients people really use, against the whole stack (`make clients-test`).

The AI SDK 4 to 7, EventSource, the openai packages and clients generated from the document, in Node, in Chromium and in
Python; through two gateways, a proxy that cuts, and nginx. The tests in Node and Chromium are in matrix/, by Node's own
runner; those in Python run after them.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from clients.control import Control
from clients.httpx_sse_streams import read_with_httpx_sse
from clients.nginx import Nginx
from clients.openai_python import stream_with_openai
from clients.openapi_python import drive_generated_package
from clients.programs import (
    MATRIX,
    PACKAGE,
    Missing,
    build_package,
    install_packages,
    install_python,
    node,
    program,
    test_package,
)
from local_stack.stack import Stack

BESIDE = {"chromium": "chromium", "nginx": "nginx-light", "curl": "curl"}
"""What some tests need, here or in `make test`, and the package of Debian it comes in."""
READY_SECONDS = 60
TEST_SECONDS = 600
# What waits for nobody waits shorter here.
SETTINGS = {"AGENTWARS_CHAT_ORPHAN_SECONDS": "3", "AGENTWARS_BREAKER_FAILURES": "1000"}
"""All clients ask a model that fails at once: each of them is to see it fail."""
FAULT_MODELS = ("demo-fast+cut-10", "demo-fast+once-cut-10", "demo-fast+500")


def main() -> int:
    """0 where every test passed."""
    chosen = _parser().parse_args()
    # No setting and no provider key of whoever starts this may reach the stack.
    for name in [name for name in os.environ if name.startswith("AGENTWARS_") or name.endswith("_API_KEY")]:
        del os.environ[name]
    try:
        runner = node()
        beside = {name: program(name, package) for name, package in BESIDE.items()}
        for folder in (PACKAGE, MATRIX):
            install_packages(folder)
        python = install_python()
        build_package()
        test_package()
    except Missing as missing:
        print(f"clients-test: {missing}", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="agentwars-clients-"))
    status = asyncio.run(_run(chosen, folder, runner, beside, python))
    if status == 0:
        shutil.rmtree(folder)
    else:
        print(f"clients-test: FAILED; logs are kept in {folder}")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m clients", description=__doc__)
    parser.add_argument("--only", help="only tests whose name matches this pattern")
    parser.add_argument("files", nargs="*", help="of matrix/; all of them where none is named")
    return parser


async def _run(
    chosen: argparse.Namespace, folder: Path, runner: Path, beside: Mapping[str, Path | None], python: Path
) -> int:
    async with _world(folder, beside) as environment:
        only = ["--test-name-pattern", chosen.only] if chosen.only else []
        tests = await asyncio.create_subprocess_exec(
            runner,
            "--test-reporter=spec",
            *only,
            "matrix/main.js",
            *chosen.files,
            cwd=MATRIX,
            env=os.environ | environment,
        )
        try:
            async with asyncio.timeout(TEST_SECONDS):
                status = await tests.wait()
        finally:
            if tests.returncode is None:
                tests.kill()
        if not chosen.only and not chosen.files:
            await _python_clients(environment["GATEWAYS"].split(",")[0], folder, python)
        return status


async def _python_clients(gateway: str, folder: Path, python: Path) -> None:
    """Raises AssertionError where one of them is not told what it should be."""
    await stream_with_openai(gateway)
    print("clients-test: the openai package of Python streams and asks")
    await read_with_httpx_sse(gateway)
    print("clients-test: httpx-sse reads every event of a battle, its status and a chat")
    await drive_generated_package(gateway, python, folder / "generated")
    print("clients-test: the package of openapi-python-client fits its types, and drives a battle to its messages")


@asynccontextmanager
async def _world(folder: Path, beside: Mapping[str, Path | None]) -> AsyncIterator[dict[str, str]]:
    """The stack and what stands around it; where all of it is, for the tests' environment."""
    async with AsyncExitStack() as cleanup:
        stack = Stack(
            folder / "stack",
            replicas={"gateway": 2},
            env=SETTINGS,
            demo_arguments=("--time-to-first-token", "0.02", "--tokens-per-second", "40"),
            fault_models=FAULT_MODELS,
        )
        await cleanup.enter_async_context(stack)
        await stack.ready(READY_SECONDS)
        control = Control(stack)
        control.start()
        cleanup.callback(control.stop)
        environment = {
            "GATEWAYS": ",".join(stack.gateway_urls),
            "DEMO_MODEL": str(stack.demo_model_url),
            "CONTROL": control.url,
        }
        if chromium := beside["chromium"]:
            environment["CHROMIUM"] = str(chromium)
        if nginx := beside["nginx"]:
            between = Nginx(nginx, folder / "nginx", stack.gateway_urls)
            cleanup.callback(between.stop)
            await between.start()
            environment["NGINX"] = between.url
        yield environment


if __name__ == "__main__":
    sys.exit(main())
