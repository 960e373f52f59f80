"""Stand-ins for the broker's connection and for a provider."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

from llm_runner.providers.prompt import Prompt
from llm_runner.providers.provider import Chunk, TakeChunk
from shared.routing import ProviderEntry
from support.builders import registry


class FakeSubscription:
    def __init__(self) -> None:
        self.drained = False

    async def drain(self) -> None:
        self.drained = True


class FakeMessage:
    """A job as it comes, or a status of a pull request."""

    def __init__(self, subject: str, headers: dict[str, str] | None = None) -> None:
        self.subject = subject
        self.headers = headers
        self.naks = 0

    async def nak(self) -> None:
        self.naks += 1


class FakeClient:
    """Keeps what is published; `requests` are the batches of pull requests, `replies` where they are answered."""

    def __init__(self) -> None:
        self.is_connected = True
        self.published: list[tuple[str, bytes]] = []
        self.replies: list[str] = []
        self.subscription = FakeSubscription()
        self.deliver: Callable[[Any], Awaitable[None]] | None = None

    def new_inbox(self) -> str:
        return "_INBOX.fake"

    async def subscribe(self, subject: str, cb: Callable[[Any], Awaitable[None]]) -> FakeSubscription:
        self.deliver = cb
        return self.subscription

    async def publish(self, subject: str, payload: bytes = b"", reply: str = "") -> None:
        self.published.append((subject, payload))
        self.replies.append(reply)

    def send(self, subject: str, payload: bytes) -> bool:
        self.published.append((subject, payload))
        return True

    def json(self, number: int) -> dict[str, Any]:
        """What was published as the `number`th, from 0."""
        published: dict[str, Any] = orjson.loads(self.published[number][1])
        return published

    @property
    def requests(self) -> list[int]:
        return [orjson.loads(payload)["batch"] for _, payload in self.published]


class ScriptedProvider:
    """Answers with given chunks; an exception among them is raised in its place."""

    def __init__(self, script: Sequence[Chunk | Exception]) -> None:
        self.name = "demo"
        self.entry: ProviderEntry = registry().providers["demo"]
        self._script = script

    async def stream(self, model: str, prompt: Prompt, attempt: str, take: TakeChunk) -> None:
        for step in self._script:
            if isinstance(step, Exception):
                raise step
            take(step)
