"""`python -m recordings FOLDER`: what the checked-out version stores, for its successors (docs/upgrading.md).

Run it with `PYTHONPATH=tests` in the version that is recorded, or with the path of these modules in an older one: they
import nothing but the local stack, drivers and an HTTP client.
"""

import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import nats
from pymongo import MongoClient

from local_stack.demo_registry import demo_registry
from local_stack.stack import Stack
from recordings import dump
from recordings.scenes import ENDED, LEFT, SETTINGS, Scenes
from recordings.shown import answers_of

READY_SECONDS = 60
FAULT_MODELS = ("demo-fast+500",)
PACE = ("--time-to-first-token", "0.02", "--tokens-per-second", "400")


async def record(folder: Path) -> None:
    """Plays a whole stack into every state, kills its services in the middle, and writes what is left."""
    with tempfile.TemporaryDirectory(prefix="agentwars-recording-") as data:
        stack = Stack(Path(data), env=SETTINGS, fault_models=FAULT_MODELS, demo_arguments=PACE)
        async with stack:
            await stack.ready(READY_SECONDS)
            await _record(stack, folder)


def providers(stack: Stack) -> str:
    """What this version takes for AGENTWARS_PROVIDERS."""
    return demo_registry(str(stack.demo_model_url), FAULT_MODELS)


async def _record(stack: Stack, folder: Path) -> None:
    async with (
        httpx.AsyncClient(base_url=stack.gateway_urls[0], timeout=60) as gateway,
        httpx.AsyncClient(base_url=str(stack.demo_model_url), timeout=10) as model,
        await nats.connect(stack.nats_url) as client,
    ):
        scenes = Scenes(stack, gateway, model, client)
        for scene in ENDED:
            await scene(scenes)
        answers = await answers_of(gateway, scenes.ids, scenes.started_again)
        for scene in LEFT:
            await scene(scenes)
        moment = datetime.now(UTC)
        with MongoClient[Any](stack.mongo_url, tz_aware=True) as store:
            dump.write(folder / "store.jsonl.gz", dump.documents(store["agentwars"]))
        dump.write(folder / "streams.jsonl.gz", [one async for one in dump.streams(client)])
        dump.write(folder / "answers.jsonl.gz", answers)
        dump.about(folder / "recording.json", moment, providers(stack), SETTINGS, scenes.ids)
        await scenes.close()


if __name__ == "__main__":
    chosen = Path(sys.argv[1])
    chosen.mkdir(parents=True, exist_ok=True)
    asyncio.run(record(chosen))
