"""The gateway's REST API and streams, typed (docs/api.md)."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, Self, TypeVar

import httpx
from pydantic import ValidationError

from agentwars.answers import (
    Agent,
    Answer,
    Conversation,
    DeadLetter,
    Estimate,
    Message,
    Model,
    Persona,
    Replayed,
    Report,
    Run,
    Started,
)
from agentwars.errors import ApiError, ServiceUnavailable, UnusableAnswer, UnusableUrl
from agentwars.refusals import refusal
from agentwars.run_events import Follower
from agentwars.sse import MEDIA_TYPE, Event, Parser, read

FORMS: Final = ("md", "html", "csv", "jsonl", "junit")
"""What a report is exported as, beside JSON."""
KINDS: Final = ("battle", "scale", "comparison", "chat", "assist")
_REQUEST: Final = httpx.Timeout(35.0, connect=5.0)  # the longest long-poll is 30 s
_STREAM: Final = httpx.Timeout(45.0, connect=5.0)  # heartbeats come every 15 s
_START_TRIES: Final = 3
_PAGE: Final = 100
AnswerKind = TypeVar("AnswerKind", bound=Answer)


class Client:
    """One gateway. Use it as an async context manager; one client serves any number of tasks.

    `key` is sent as a bearer token. Every method raises ApiError for a refusal and ServiceUnavailable
    where no answer came.
    """

    def __init__(
        self, base_url: str, key: str | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.base_url = base_url.rstrip("/")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = _gateway_url(self.base_url)
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            timeout=_REQUEST,
            transport=transport,
            # A proxy of the environment is never meant for one's own machine.
            trust_env=url.host not in ("127.0.0.1", "localhost", "::1"),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    # --- agents, personas, models

    async def agents(self, limit: int = 100) -> list[Agent]:
        """The newest agents, at most `limit`."""
        return [_as(Agent, item) for item in await self._items("/api/agents", limit)]

    async def agent(self, agent_id: str) -> Agent:
        return _as(Agent, await self._json("GET", f"/api/agents/{agent_id}"))

    async def create_agent(self, body: Mapping[str, Any]) -> Agent:
        """`body` needs `name` and `systemPrompt`."""
        return _as(Agent, await self._json("POST", "/api/agents", body))

    async def update_agent(self, agent_id: str, body: Mapping[str, Any]) -> Agent:
        """Makes a new version that holds `body`, whole."""
        return _as(Agent, await self._json("PUT", f"/api/agents/{agent_id}", body))

    async def archive_agent(self, agent_id: str) -> None:
        await self._json("DELETE", f"/api/agents/{agent_id}")

    async def personas(self) -> list[Persona]:
        return [_as(Persona, item) for item in _listed(await self._json("GET", "/api/personas"))]

    async def models(self) -> list[Model]:
        return [_as(Model, item) for item in _listed(await self._json("GET", "/api/models"))]

    # --- runs

    async def start(self, kind: Literal["battles", "scale"], body: Mapping[str, Any]) -> Started:
        """Starts a run."""
        return await self._start(f"/api/{kind}/start", body)

    async def estimate(self, kind: Literal["battles", "scale"], body: Mapping[str, Any]) -> Estimate:
        """What such a start would cost, and whether it would be judged. Nothing is started."""
        named = {"kind": "scale" if kind == "scale" else "battle"}
        return _as(Estimate, await self._json("POST", "/api/estimates", named | dict(body)))

    async def retry_failed(self, run_id: str) -> Started:
        """Starts a new run that plays again what ended by an error in one that has ended."""
        return await self._start(f"/api/scale/{run_id}/retry-failed", {})

    async def _start(self, path: str, body: Mapping[str, Any]) -> Started:
        """An idempotency key makes it safe that a lost answer is asked for again."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        for tried in range(1, _START_TRIES):
            try:
                return _as(Started, await self._json("POST", path, body, headers))
            except (ServiceUnavailable, ApiError) as trouble:
                if isinstance(trouble, ApiError) and trouble.status not in (502, 503, 504):
                    raise
                await asyncio.sleep(0.5 * tried)
        return _as(Started, await self._json("POST", path, body, headers))

    async def run(self, run_id: str) -> Run:
        """Where a run stands."""
        return _as(Run, await self._json("GET", f"/api/runs/{run_id}/status"))

    async def runs(self, limit: int = 20, **filters: str | None) -> list[Run]:
        """The newest runs, at most `limit`; filters are `kind` and `status`."""
        return [_as(Run, item) for item in await self._items("/api/runs", limit, **filters)]

    async def control(self, run_id: str, wish: Literal["cancel", "pause", "resume"]) -> Run:
        return _as(Run, await self._json("POST", f"/api/runs/{run_id}/{wish}"))

    async def conversations(self, run_id: str, limit: int = 1000) -> list[Conversation]:
        items = await self._items(f"/api/runs/{run_id}/conversations", limit)
        return [_as(Conversation, item) for item in items]

    async def messages(self, conversation_id: str, since: int = 0) -> list[Message]:
        """Every message after the seq `since`. A run's id serves where it has one conversation."""
        found: list[Message] = []
        path = f"/api/conversations/{conversation_id}/messages"
        while True:
            page = await self._json("GET", path, query={"sinceSeq": since, "limit": _PAGE})
            added = [_as(Message, item) for item in page.get("messages", [])]
            found += added
            if not page.get("hasMore") or not added:
                return found
            since = added[-1].seq

    async def report(self, run_id: str) -> Report | None:
        """The report, or None while it is being written."""
        answer = await self._send("GET", f"/api/runs/{run_id}/report")
        return None if answer.status_code == 202 else _as(Report, _parsed(answer))

    async def export(self, run_id: str, form: str) -> str | None:
        """The report in one of the `FORMS`; None while it is being written."""
        answer = await self._send("GET", f"/api/runs/{run_id}/report", query={"format": form})
        return None if answer.status_code == 202 else answer.text

    # --- streams

    def follow(
        self, run_id: str, last_event_id: str | None = None, start: Literal["start", "now"] = "start"
    ) -> AsyncGenerator[Event, None]:
        """Everything a run does, each event once, until its end; lost connections are mended on the way.

        Raises ServiceUnavailable after five minutes without any contact.
        """
        return Follower(self, run_id, last_event_id, start).events()

    @asynccontextmanager
    async def event_stream(
        self, run_id: str, last_event_id: str | None, start: Literal["start", "now"] = "start"
    ) -> AsyncIterator[httpx.Response]:
        """One connection to a run's events, not mended; `follow` is what most callers want."""
        headers = {"Accept": MEDIA_TYPE} | ({"Last-Event-ID": last_event_id} if last_event_id else {})
        request = self._http.build_request(
            "GET", f"/api/runs/{run_id}/events", params={"from": start}, headers=headers, timeout=_STREAM
        )
        async with self._open(request) as response:
            yield response

    async def assist(self, body: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
        """PromptBro's answer: `token` events, then `done`. Raises ApiError where it ends with `failed`."""
        request = self._http.build_request("POST", "/api/promptbro/assist", json=body, timeout=_STREAM)
        async with self._open(request) as response:
            async for event in read(response, Parser()):
                if event.type == "failed":
                    raise ApiError(str(event.data.get("error")), str(event.data.get("message")))
                yield event

    async def save_written(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Keeps what PromptBro wrote: `{text, as: "template", name}` or `{text, as: "agent", agentId}`."""
        return dict(await self._json("POST", "/api/promptbro/save", body))

    # --- operations

    async def dead_letters(self, limit: int = 20) -> list[DeadLetter]:
        """Work that was given up, the newest first, at most `limit`."""
        return [_as(DeadLetter, item) for item in await self._items("/api/admin/dead-letters", limit)]

    async def dead_letter(self, letter_id: str) -> DeadLetter:
        return _as(DeadLetter, await self._json("GET", f"/api/admin/dead-letters/{letter_id}"))

    async def replay(self, letter_id: str) -> Replayed:
        """Puts given-up work back on its queue. Refused with 409 where it can change nothing any more."""
        return _as(Replayed, await self._json("POST", f"/api/admin/dead-letters/{letter_id}/replay"))

    # --- health

    async def ready(self) -> bool:
        """Whether the gateway can work: its broker and store are there."""
        try:
            await self._send("GET", "/readyz")
        except (ApiError, ServiceUnavailable):
            return False
        return True

    # --- one request

    @asynccontextmanager
    async def _open(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        try:
            response = await self._http.send(request, stream=True)
            try:
                if response.is_error:
                    await response.aread()
                    raise refusal(response)
                yield response
            finally:
                await response.aclose()
        except httpx.TransportError as cause:
            raise ServiceUnavailable(self.base_url, _reason(cause)) from cause

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> httpx.Response:
        try:
            response = await self._http.request(method, path, json=body, headers=headers, params=query)
        except httpx.TransportError as cause:
            raise ServiceUnavailable(self.base_url, _reason(cause)) from cause
        if response.is_error:
            raise refusal(response)
        return response

    async def _json(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> Any:
        response = await self._send(method, path, body, headers, query)
        return _parsed(response) if response.content else None

    async def _items(self, path: str, limit: int, **filters: str | None) -> list[Any]:
        items: list[Any] = []
        query: dict[str, str | int] = {name: value for name, value in filters.items() if value is not None}
        while len(items) < limit:
            page = await self._json("GET", path, query=query | {"limit": min(_PAGE, limit - len(items))})
            found = _listed(page)
            items += found
            if not page.get("nextCursor") or not found:
                break
            query["cursor"] = page["nextCursor"]
        return items[:limit]


def _listed(answer: Any) -> list[Any]:
    items = answer.get("items") if isinstance(answer, dict) else answer
    if not isinstance(items, list):
        raise UnusableAnswer("a list was expected")
    return items


def _gateway_url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as cause:
        raise UnusableUrl(text) from cause
    if url.scheme not in ("http", "https") or not url.host:
        raise UnusableUrl(text)
    return url


def _parsed(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as cause:
        raise UnusableAnswer(str(response.url)) from cause


def _as(kind: type[AnswerKind], value: Any) -> AnswerKind:
    try:
        return kind.model_validate(value)
    except ValidationError as cause:
        raise UnusableAnswer(f"{kind.__name__}: {cause.errors()[0]['msg']}") from cause


def _reason(cause: httpx.TransportError) -> str:
    return str(cause) or type(cause).__name__
