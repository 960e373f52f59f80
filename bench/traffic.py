"""How often the stack asked its servers: MongoDB operations and NATS messages, from the servers' own counters."""

from dataclasses import dataclass
from typing import Any

import httpx
from pymongo import AsyncMongoClient

TIMEOUT_MILLISECONDS = 5_000
OPERATIONS = ("insert", "query", "update", "delete", "getmore", "command")


@dataclass(frozen=True)
class Traffic:
    """Totals since the servers' start. Inserts count documents, a batched write its statements."""

    store: dict[str, int]
    messages_in: int
    messages_out: int

    def since(self, earlier: "Traffic") -> "Traffic":
        """What came in between."""
        store = {name: count - earlier.store[name] for name, count in self.store.items()}
        return Traffic(store, self.messages_in - earlier.messages_in, self.messages_out - earlier.messages_out)


class Counters:
    """Reads the servers' counters."""

    def __init__(self, mongo_url: str, nats_monitor_url: str | None, client: httpx.AsyncClient) -> None:
        self._mongo: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_url, timeoutMS=TIMEOUT_MILLISECONDS)
        self._nats = nats_monitor_url
        self._client = client

    async def read(self) -> Traffic:
        """The totals now; NATS counts as 0 where it is not ours and has no known monitor port."""
        status = await self._mongo.admin.command("serverStatus")
        counters = status["opcounters"] | {"network": status["network"]["numRequests"]}
        store = {name: int(counters[name]) for name in (*OPERATIONS, "network")}
        nats = await self._server() if self._nats else {}
        return Traffic(store, int(nats.get("in_msgs", 0)), int(nats.get("out_msgs", 0)))

    async def close(self) -> None:
        await self._mongo.close()

    async def _server(self) -> dict[str, Any]:
        response = await self._client.get(f"{self._nats}/varz")
        response.raise_for_status()
        server: dict[str, Any] = response.json()
        return server
