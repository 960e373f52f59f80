"""HTTP to one provider, on aiohttp itself: what stands above it costs with every read of every answer."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus

import aiohttp
import certifi

from llm_runner.providers.answer import IncomingAnswer
from llm_runner.providers.connection_errors import misconfigured, unreachable
from llm_runner.providers.dialect import Dialect
from llm_runner.providers.json_answers import whole_object
from llm_runner.providers.learned_quirks import MOST_LESSONS, learned
from llm_runner.providers.local_stops import stopping
from llm_runner.providers.prompt import Prompt
from llm_runner.providers.prompt_shaping import shaped
from llm_runner.providers.provider import Chunk, Malformed, ProviderFailure, TakeChunk
from llm_runner.providers.read_ticker import AnswerReading, ReadTicker
from llm_runner.providers.redaction import Redaction
from llm_runner.providers.target import Target
from shared.contracts.enums import FailureFamily as Family
from shared.routing import ProviderEntry

KEEP_ALIVE_SECONDS = 15.0
ERROR_BODY_LIMIT = 64 * 1024
DRAIN_SECONDS = 0.05
KEPT_ALIVE = (Chunk(),)
"""What says nothing, as a comment does, still says that somebody is there."""
# Calls are bounded by the lanes' durables, whose limits change live: one that waited here would only time out.
NO_LIMIT = 0


class MissingKey(ProviderFailure):
    """The environment variable that should hold a provider's key is not set."""

    def __init__(self, provider: str, variable: str) -> None:
        message = f"no key for {provider}: set the environment variable {variable} of llm-runner"
        super().__init__(Family.AUTH, message, charged=False)


class UnusableKey(ProviderFailure):
    """A key that no header can hold: it cannot be the one that was meant."""

    def __init__(self, provider: str, variable: str) -> None:
        message = f"the key for {provider} holds a line break or another control character: look at {variable}"
        super().__init__(Family.AUTH, message, charged=False)


class HttpProvider:
    """One provider of the registry, called in its dialect, with a connection pool of its own.

    `key` is given to the dialect's headers and stands nowhere else; `redaction` takes it, and every other, out of what
    is said of a call. First-token, between-token and total times are its caller's; connecting is bounded here.
    """

    def __init__(
        self,
        name: str,
        entry: ProviderEntry,
        dialect: Dialect,
        key: str | None,
        connect_seconds: float,
        ticker: ReadTicker,
        redaction: Redaction | None = None,
    ) -> None:
        self.name = name
        self.entry = entry
        self._dialect = dialect
        self._key = key.strip() if key else None
        self._ticker = ticker
        self._redaction = redaction or Redaction.of({name: entry}, {entry.key_variable or "": key or ""})
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=NO_LIMIT, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=_trusted()),
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._targets: dict[str, Target] = {}
        self._base_url = entry.base_url.rstrip("/")
        self._headers = {**dialect.headers(self._key), "Accept-Encoding": "identity"}

    async def close(self) -> None:
        await self._session.close()

    def unusable(self) -> ProviderFailure | None:
        """Why nothing can be asked of it, where its key is missing or none."""
        variable = self.entry.key_variable
        if variable and not self._key:
            return MissingKey(self.name, variable)
        if self._key and not self._key.isprintable():
            return UnusableKey(self.name, variable or "its key")
        return None

    async def stream(self, model: str, prompt: Prompt, attempt: str, take: TakeChunk) -> None:
        """Hands over the answer's chunks as they come.

        A refusal of a field is answered at once by the same request without it, and what was learned is kept for as
        long as the process lives. Raises ProviderFailure, also for an end without a `finish_reason`; it may be shown
        to anybody.
        """
        if unusable := self.unusable():
            raise unusable
        target, lessons = self._target(model), MOST_LESSONS
        while True:
            answer = self._incoming(target, prompt, take)
            try:
                await self._answer(answer, target, shaped(prompt, target), attempt)
            except ProviderFailure as failure:
                quirks = learned(target.quirks, failure) if lessons and not answer.text_began else None
                if quirks is None:
                    raise failure.reworded(self._redaction.shown(str(failure))) from failure.__cause__
                target, lessons = replace(target, quirks=quirks), lessons - 1
            else:
                self._targets[model] = target
                return

    def _incoming(self, target: Target, prompt: Prompt, take: TakeChunk) -> IncomingAnswer:
        """An answer as it was asked for, whatever of that the target was told."""
        taken = stopping(prompt, target.quirks, whole_object(prompt, target.quirks, take))
        return IncomingAnswer(self.name, self._redaction, taken)

    async def _answer(self, answer: IncomingAnswer, target: Target, prompt: Prompt, attempt: str) -> None:
        try:
            await self._read(answer, target, prompt, attempt)
        except aiohttp.ClientError as error:
            if not answer.finished:
                raise unreachable(self.name, error) from error
        except Malformed as error:
            raise ProviderFailure(Family.PROTOCOL, f"{self.name}: {error}") from error
        if not answer.finished:
            raise ProviderFailure(Family.CUT, f"{self.name} ended its answer without saying why; it is incomplete")
        answer.end()

    async def _read(self, answer: IncomingAnswer, target: Target, prompt: Prompt, attempt: str) -> None:
        async with await self._post(target, prompt, attempt) as response:
            if response.status != HTTPStatus.OK:
                raise await self._refusal(response)
            content, decoder = response.content, self._dialect.decoder(target)
            reading = AnswerReading(self._ticker, content)
            while not decoder.ended and (piece := await content.readany()):
                for chunk in decoder.feed(piece) or KEPT_ALIVE:
                    answer.take(chunk)
                if not decoder.ended:
                    reading.text_began = answer.text_began
                    await reading.next()
            for chunk in decoder.end():
                answer.take(chunk)
            await _drain(content)

    async def _post(self, target: Target, prompt: Prompt, attempt: str) -> aiohttp.ClientResponse:
        url, body = target.base_url + self._dialect.path(target), self._dialect.body(target, prompt)
        headers = {**self._headers, "X-Client-Request-Id": attempt}
        try:
            return await self._session.post(url, data=body, headers=headers, allow_redirects=False)
        except aiohttp.ClientError:
            raise
        except ValueError as error:
            # What cannot be sent at all: an address that is none, or one with a password beside a key.
            raise misconfigured(self.name) from error

    def _target(self, model: str) -> Target:
        known = self._targets.get(model)
        if known is None:
            known = Target(self.name, self._base_url, model, self.entry.models[model])
            known = self._targets[model] = replace(known, quirks=self._dialect.quirks(known))
        return known

    async def _refusal(self, response: aiohttp.ClientResponse) -> ProviderFailure:
        body = b""
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > ERROR_BODY_LIMIT:
                break
        return self._dialect.refusal(self.name, response.status, response.headers, body)


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
