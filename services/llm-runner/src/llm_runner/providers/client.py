"""HTTP to one provider, on aiohttp itself: what stands above it costs with every read of every answer."""

import asyncio
import ssl
from contextlib import suppress
from http import HTTPStatus

import aiohttp
import certifi

from llm_runner.providers import openai_dialect
from llm_runner.providers.http_errors import refused, unreachable
from llm_runner.providers.provider import PROVIDER_ERROR, Prompt, ProviderFailure, TakeChunk
from llm_runner.providers.rhythm import Reading, Rhythm
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

    def __init__(
        self, name: str, entry: ProviderEntry, key: str | None, connect_seconds: float, rhythm: Rhythm
    ) -> None:
        self.name = name
        self.entry = entry
        self._key = key
        self._rhythm = rhythm
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=NO_LIMIT, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=_trusted()),
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._url = entry.base_url.rstrip("/") + openai_dialect.PATH
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
        }
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    async def close(self) -> None:
        await self._session.close()

    async def stream(self, model: str, prompt: Prompt, attempt: str, take: TakeChunk) -> None:
        """Hands over the answer's chunks as they come.

        Raises ProviderFailure, also for an end without a `finish_reason`.
        """
        if self.entry.key_variable and not self._key:
            raise MissingKey(self.name, self.entry.key_variable)
        answer = _Answer(self.name, take)
        try:
            await self._read(answer, model, prompt, attempt)
        except aiohttp.ClientError as error:
            if not answer.finished:
                raise unreachable(self.name, error) from error
        except EventTooLong as error:
            raise ProviderFailure(PROVIDER_ERROR, f"{self.name}: {error}") from error
        if not answer.finished:
            raise ProviderFailure(PROVIDER_ERROR, f"{self.name} ended its answer without saying why; it is incomplete")

    async def _read(self, answer: "_Answer", model: str, prompt: Prompt, attempt: str) -> None:
        headers = {**self._headers, "X-Client-Request-Id": attempt}
        body = openai_dialect.request_body(model, prompt)
        async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
            if response.status != HTTPStatus.OK:
                raise await self._refusal(response)
            content, reader = response.content, EventReader()
            reading = Reading(self._rhythm, content)
            while piece := await content.readany():
                events = reader.feed(piece)
                if openai_dialect.END in events:
                    answer.take(events[: events.index(openai_dialect.END)])
                    await _drain(content)
                    return
                answer.take(events)
                reading.text_began = answer.text_began
                await reading.next()
            answer.take([data for data in reader.end() if data != openai_dialect.END])

    async def _refusal(self, response: aiohttp.ClientResponse) -> ProviderFailure:
        body = b""
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > ERROR_BODY_LIMIT:
                break
        failure = refused(self.name, response.status, body, response.headers)
        if self._key and self._key in str(failure):
            # A gateway that echoes the key must not get it into an event.
            return refused(self.name, response.status, b"", response.headers)
        return failure


class _Answer:
    """An answer as it is read: its chunks go on at once, and how far it is stays."""

    def __init__(self, provider: str, take: TakeChunk) -> None:
        self.finished = False
        self.text_began = False
        self._provider = provider
        self._take = take

    def take(self, events: list[bytes]) -> None:
        """Hands over what events hold. Raises ProviderFailure."""
        for chunk in openai_dialect.read_events(events, self._provider):
            self.finished = self.finished or chunk.finish_reason is not None
            self.text_began = self.text_began or bool(chunk.text)
            self._take(chunk)


def _trusted() -> ssl.SSLContext:
    """The machine's authorities (SSL_CERT_FILE names others), and certifi's for a machine that has none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


async def _drain(content: aiohttp.StreamReader) -> None:
    """Reads a finished answer to its end, so that the connection can be used again; one that does not end is closed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while await content.readany():
                continue
