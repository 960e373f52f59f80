"""Added time to first token: PromptBro through the whole path, beside the same call made straight to the model."""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from bench.harness import Harness
from bench.product import NotMeasured
from bench.workload import AGENT_PROMPT, MODEL, PROVIDER

MODEL_SECONDS: Final = 0.05
WORDS_PER_SECOND: Final = 80.0
PACE: Final[dict[str, Any]] = {
    "totalSeconds": None,
    "timeToFirstTokenSeconds": MODEL_SECONDS,
    "tokensPerSecond": WORDS_PER_SECOND,
    "wordsPerChunk": 1,
}
ROUNDS = 10
TIMEOUT = aiohttp.ClientTimeout(total=30)


@dataclass(frozen=True)
class FirstTokens:
    """Milliseconds from the request to the first token, each stream of each round one figure."""

    at_once: int
    through_product: tuple[float, ...]
    straight: tuple[float, ...]


async def measure_first_tokens(harness: Harness, at_once: int) -> FirstTokens:
    """Rounds of `at_once` streams, straight to the model and through the product by turns. Raises NotMeasured."""
    await harness.model.set_pace(PACE)
    through: list[float] = []
    straight: list[float] = []
    async with aiohttp.ClientSession(timeout=TIMEOUT, connector=aiohttp.TCPConnector(limit=0)) as session:
        for measured in range(-1, ROUNDS):  # the first round warms connections up
            direct = await asyncio.gather(*(_straight(session, harness) for _ in range(at_once)))
            product = await asyncio.gather(*(_through(session, harness) for _ in range(at_once)))
            if measured >= 0:
                straight += direct
                through += product
    return FirstTokens(at_once, tuple(through), tuple(straight))


async def _through(session: aiohttp.ClientSession, harness: Harness) -> float:
    body = {"step": "rewrite", "input": AGENT_PROMPT, "provider": PROVIDER, "model": MODEL}
    url = f"{harness.stack.gateway_urls[0]}/api/promptbro/assist"
    return await _first(session, url, body, b"event: token", b"event: done")


async def _straight(session: aiohttp.ClientSession, harness: Harness) -> float:
    messages = [{"role": "system", "content": AGENT_PROMPT}, {"role": "user", "content": AGENT_PROMPT}]
    body = {"model": MODEL, "messages": messages, "stream": True}
    return await _first(session, f"{harness.model.url}/v1/chat/completions", body, b'"content":"This', b"[DONE]")


async def _first(session: aiohttp.ClientSession, url: str, body: dict[str, Any], first: bytes, last: bytes) -> float:
    """Milliseconds until `first` has come; reads on to `last`, so that no stream is left behind."""
    began, came, read = time.perf_counter(), None, b""
    async with session.post(url, data=json.dumps(body), headers={"Content-Type": "application/json"}) as response:
        async for piece in response.content.iter_any():
            read += piece
            if came is None and first in read:
                came = time.perf_counter()
            if last in read:
                break
    if came is None or last not in read:
        raise NotMeasured(f"{url} answered {response.status}: {read[:500].decode(errors='replace')}")
    return (came - began) * 1000
