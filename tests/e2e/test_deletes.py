"""Deleting a chat through the whole stack: with its answer being written, too, nothing of it is left to be read."""

import asyncio

import httpx
import nats
import pytest
from nats.aio.client import Client

from e2e.test_chat import asked, counted, posted, said
from local_stack.stack import Stack
from shared.contracts import subjects
from shared.messaging import history

pytestmark = pytest.mark.asyncio(loop_scope="session")

WORDS = 400


@pytest.mark.parametrize("answered", [True, False])
async def test_nothing_of_a_deleted_chat_is_left(
    stack: Stack, gateways: list[httpx.AsyncClient], answered: bool
) -> None:
    chat = f"deleted-{answered}"
    async with posted(gateways[0], asked(chat, said(f"count to {3 if answered else WORDS}"))) as reader:
        await reader.until_text(2)
        if answered:
            await reader.rest()
        run_id = reader.response.headers["X-Conversation-Id"]
        assert (await gateways[1].delete(f"/api/chat/{chat}")).status_code == 204
        client = await nats.connect(stack.nats_url)
        try:
            assert await told(client, run_id) == []
            for gateway in gateways:
                for path in (f"runs/{run_id}/status", f"runs/{run_id}/events", f"conversations/{chat}/messages"):
                    assert (await gateway.get(f"/api/{path}")).status_code == 404
            await asyncio.sleep(2)
            # What a runner was about to tell when it was called off is no word of the chat's.
            assert not [one for one in await told(client, run_id) if counted(2).encode() in one]
        finally:
            await client.close()


async def told(client: Client, run_id: str) -> list[bytes]:
    """What the broker holds of a run's events."""
    stored = history.read(client, subjects.RUN_EVENTS, subjects.everything(run_id))
    return [one.data async for one in stored]
