"""What most people would write: Starlette, one queue per client, fed by the same JetStream events as the gateway.

python -m bench.hub.queues NATS_URL PORT
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Final

import nats
import uvicorn
from nats.aio.client import Client
from nats.aio.msg import Msg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

QUEUED: Final = 1000


class Queues:
    """Every client's queue, by run."""

    def __init__(self, nats_url: str) -> None:
        self._nats_url = nats_url
        self._client: Client | None = None
        self._queues: dict[str, set[asyncio.Queue[bytes]]] = defaultdict(set)

    async def events(self, request: Request) -> Response:
        """A run's events from now on."""
        run_id = request.path_params["run_id"]
        if run_id not in self._queues:
            await self._listen(run_id)
        queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUED)
        self._queues[run_id].add(queue)
        return StreamingResponse(self._of(run_id, queue), media_type="text/event-stream")

    async def _listen(self, run_id: str) -> None:
        queues = self._queues[run_id]
        self._client = self._client or await nats.connect(self._nats_url)

        async def heard(message: Msg) -> None:
            sequence = (message.headers or {})["Nats-Sequence"]
            frame = f"id: {sequence}\nevent: delta\ndata: ".encode() + message.data + b"\n\n"
            for queue in queues:
                if not queue.full():
                    queue.put_nowait(frame)

        await self._client.subscribe(f"ev.{run_id}.>", cb=heard)

    async def _of(self, run_id: str, queue: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
        try:
            yield b": connected\n\n"
            while True:
                yield await queue.get()
        finally:
            self._queues[run_id].discard(queue)


async def healthz(_request: Request) -> Response:
    return PlainTextResponse("ok")


def main() -> None:
    nats_url, port = sys.argv[1], int(sys.argv[2])
    routes = [Route("/events/{run_id}", Queues(nats_url).events), Route("/readyz", healthz)]
    uvicorn.run(Starlette(routes=routes), port=port, loop="uvloop", http="httptools", log_level="warning")


if __name__ == "__main__":
    main()
