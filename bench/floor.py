"""The floor: the same conversations in one bare asyncio loop on the official openai SDK, with no durability at all.

    python -m bench.floor URL CONVERSATIONS

A program of its own, so that nothing shares its loop; it prints its processor seconds as one line of JSON.
"""

import asyncio
import json
import sys
import time
from typing import cast

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from bench.workload import MESSAGES, MODEL, point_of_view

TIMEOUT_SECONDS = 120.0


async def converse(client: AsyncOpenAI) -> list[str]:
    """One conversation, each message streamed and the usage asked for, as the product does."""
    texts: list[str] = []
    while len(texts) < MESSAGES:
        prompt = point_of_view(texts, agent_speaks=len(texts) % 2 == 1)
        texts.append(await _say(client, cast("list[ChatCompletionMessageParam]", prompt)))
    return texts


async def _say(client: AsyncOpenAI, prompt: list[ChatCompletionMessageParam]) -> str:
    stream = await client.chat.completions.create(
        model=MODEL, messages=prompt, stream=True, stream_options={"include_usage": True}
    )
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


async def play(url: str, conversations: int) -> None:
    """All conversations at once, on one client."""
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", timeout=TIMEOUT_SECONDS, max_retries=0) as client:
        await asyncio.gather(*(converse(client) for _ in range(conversations)))


def main() -> None:
    url, conversations = sys.argv[1], int(sys.argv[2])
    before = time.process_time()
    asyncio.run(play(url, conversations))
    print(json.dumps({"processorSeconds": time.process_time() - before}))


if __name__ == "__main__":
    main()
