"""HTTP to one provider: httpx over aiohttp's transport, whose cost does not grow with the calls in flight."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from llm_runner.providers import openai_dialect
from llm_runner.providers.http_errors import refused, unreachable
from llm_runner.providers.provider import PROVIDER_ERROR, Chunk, Prompt, ProviderFailure
from llm_runner.providers.sse import EventReader, EventTooLong
from shared.routing import ProviderEntry

KEEP_ALIVE_SECONDS = 15.0
ERROR_BODY_LIMIT = 64 * 1024
DRAIN_SECONDS = 0.05
# Calls are bounded by the lanes' durables, whose limits change live: one that waited here would only time out.
NO_LIMIT = 0


class MissingKey(ProviderFailure):
    """The environment variable that should hold a provider's key is not set."""

    def __init__(self, provider: str, variable: str) -> None:
        message = f"no key for {provider}: set the environment variable {variable} of llm-runner"
        super().__init__(PROVIDER_ERROR, message, retryable=False, charged=False)


class HttpProvider:
    """One provider of the registry, with a connection pool of its own.

    `key` is sent as a bearer token and stands nowhere else. First-token, between-token and total times are its
    caller's; connecting is bounded here.
    """

    def __init__(self, name: str, entry: ProviderEntry, key: str | None, connect_seconds: float) -> None:
        self.name = name
        self.entry = entry
        self._key = key
        limits = httpx.Limits(max_connections=NO_LIMIT, keepalive_expiry=KEEP_ALIVE_SECONDS)
        self._client = httpx.AsyncClient(
            transport=AiohttpTransport(trust_env=False, limits=limits),
            timeout=httpx.Timeout(None, connect=connect_seconds),
            trust_env=False,
            follow_redirects=False,
        )
        self._url = httpx.URL(entry.base_url.rstrip("/") + openai_dialect.PATH)
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
        }
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    async def close(self) -> None:
        await self._client.aclose()

    async def stream(self, model: str, prompt: Prompt, attempt: str) -> AsyncGenerator[Chunk, None]:
        """The answer's chunks as they come. Raises ProviderFailure, also for an end without a `finish_reason`."""
        if self.entry.key_variable and not self._key:
            raise MissingKey(self.name, self.entry.key_variable)
        finished = False
        try:
            async with aclosing(self._events(model, prompt, attempt)) as events:
                async for data in events:
                    chunk = openai_dialect.read_event(data, self.name)
                    finished = finished or chunk.finish_reason is not None
                    yield chunk
        except (httpx.HTTPError, aiohttp.ClientError) as error:
            if not finished:
                raise unreachable(self.name, error) from error
        except EventTooLong as error:
            raise ProviderFailure(PROVIDER_ERROR, f"{self.name}: {error}") from error
        if not finished:
            raise ProviderFailure(PROVIDER_ERROR, f"{self.name} ended its answer without saying why; it is incomplete")

    async def _events(self, model: str, prompt: Prompt, attempt: str) -> AsyncGenerator[bytes, None]:
        headers = {**self._headers, "X-Client-Request-Id": attempt}
        body = openai_dialect.request_body(model, prompt)
        async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
            if response.status_code != httpx.codes.OK:
                raise await self._refusal(response)
            reader = EventReader()
            pieces = response.aiter_bytes()
            async for piece in pieces:
                for data in reader.feed(piece):
                    if data == openai_dialect.END:
                        await _drain(pieces)
                        return
                    yield data
            for data in reader.end():
                if data != openai_dialect.END:
                    yield data

    async def _refusal(self, response: httpx.Response) -> ProviderFailure:
        body = b""
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > ERROR_BODY_LIMIT:
                break
        failure = refused(self.name, response.status_code, body, response.headers)
        if self._key and self._key in str(failure):
            # A gateway that echoes the key must not get it into an event.
            return refused(self.name, response.status_code, b"", response.headers)
        return failure


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    """Reads a finished answer to its end, so that the connection can be used again; one that does not end is closed."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in pieces:
                continue
    except TimeoutError:
        return
