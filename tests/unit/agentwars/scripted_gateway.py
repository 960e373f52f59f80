"""A gateway of scripted answers behind httpx.MockTransport, and samples in the shapes of the contract."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from agentwars.client import Client

RUN = "01run"
Answer = httpx.Response | Callable[[httpx.Request], httpx.Response]


class Body(httpx.AsyncByteStream):
    """A response body that comes in given pieces and then ends, or breaks."""

    def __init__(self, pieces: Sequence[bytes], breaks: bool = False) -> None:
        self._pieces = pieces
        self._breaks = breaks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._breaks:
            raise httpx.ReadError("connection reset")


def event(name: str, number: int | None = None, /, **data: Any) -> bytes:
    """One event as the gateway writes it."""
    head = f"id: e-{number}\n" if number is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps({'type': name, 'runId': RUN} | data)}\n\n".encode()


def stream(*pieces: bytes, breaks: bool = False, retry: int = 10) -> httpx.Response:
    """An event stream of these pieces, which ends or breaks after them."""
    body = Body([f"retry: {retry}\n: hello\n\n".encode(), *pieces], breaks)
    return httpx.Response(200, headers={"Content-Type": "text/event-stream; charset=utf-8"}, stream=body)


def refused(status: int, code: str, message: str = "No.", **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"error": code, "message": message, "details": {}, "requestId": "r"} | more)


@dataclass
class ScriptedGateway:
    """Answers by `METHOD path`; a list is answered one by one, its last again and again."""

    routes: dict[str, Answer | list[Answer]]
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.routes.get(f"{request.method} {request.url.path}")
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if answer is None:
            return refused(404, "not_found", f"nothing at {request.url.path}")
        return answer(request) if callable(answer) else answer

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self)

    def client(self) -> Client:
        return Client("http://gateway.test", transport=self.transport)

    def asked(self, path: str) -> list[httpx.Request]:
        """The requests for a path, in order."""
        return [request for request in self.requests if request.url.path == path]

    def body(self, path: str) -> dict[str, Any]:
        """The JSON body of the last request for a path."""
        sent: dict[str, Any] = json.loads(self.asked(path)[-1].content)
        return sent


def status(**changes: Any) -> dict[str, Any]:
    """A status object."""
    return {
        "id": RUN,
        "jobId": RUN,
        "runId": RUN,
        "kind": "scale",
        "status": "complete",
        "terminal": True,
        "progress": 100,
        "total": 2,
        "completed": 2,
        "failed": 0,
        "inProgress": 0,
        "conversationIds": [f"{RUN}-1", f"{RUN}-2"],
        "usage": {"promptTokens": 900, "completionTokens": 100, "costUsd": 0.0042},
        "budget": {"maxUsd": 0.1, "spentUsd": 0.0042},
        "startedAt": "2026-11-21T10:00:00.000Z",
        "updatedAt": "2026-11-21T10:00:20.000Z",
        "reportReady": True,
        "error": None,
        "currentTurn": None,
        "goalReached": None,
        "endedReason": None,
        "winner": None,
    } | changes


def report(**changes: Any) -> dict[str, Any]:
    """A report with one failure mode and a revised prompt."""
    return {
        "runId": RUN,
        "status": "ready",
        "reason": None,
        "summary": "One of two customers got what they came for.",
        "revisedPrompt": "You are kind.\n- Ask for the order number.",
        "rationale": "It never asked for the order number.",
        "promptDiff": "--- before\n+++ after\n@@ -1 +1,2 @@\n You are kind.\n+- Ask for the order number.",
        "stats": {
            "total": 2,
            "succeeded": 1,
            "unsuccessful": 1,
            "errored": 0,
            "failed": 0,
            "successRate": 0.5,
            "successInterval": [0.09, 0.91],
            "meanTurnsToGoal": 6.0,
            "turnsToGoal": {"p50": 6, "p90": 6},
            "endedReasons": {"goal": 1, "limit": 1},
            "actualUsd": 0.0042,
            "tokens": {"promptTokens": 900, "completionTokens": 100},
            "latencyMs": {"p50": 420, "p95": 1250},
            "ttftMs": {"p50": 80, "p95": 130},
        },
        "criteria": [{"id": "c1", "name": "Gives a reference", "satisfiedRate": 0.5, "interval": [0.1, 0.9]}],
        "failureModes": [
            {
                "tag": "missing_information",
                "count": 1,
                "share": 1.0,
                "description": "The agent never asks for the order number.",
                "evidence": [{"conversationId": f"{RUN}-2", "seq": 4, "quote": "Thank you for your message."}],
            }
        ],
        "conversations": [
            _outcome(1, True, "goal", 6, []),
            _outcome(2, False, "limit", 12, ["missing_information"]),
        ],
        "createdAt": "2026-11-21T10:00:21.000Z",
    } | changes


def _outcome(index: int, reached: bool, reason: str, messages: int, tags: list[str]) -> dict[str, Any]:
    outcome = {"id": f"{RUN}-{index}", "goalReached": reached, "endedReason": reason}
    return outcome | {"messages": messages, "costUsd": 0.0021, "tags": tags}


def message(conversation: int, seq: int, content: str = "Hello", **more: Any) -> dict[str, Any]:
    """The fields of a `message` event."""
    side = "opponent" if seq % 2 else "agent"
    shown = {"conversationId": f"{RUN}-{conversation}", "seq": seq, "side": side, "content": content}
    return shown | {"costUsd": 0.001, "id": f"{RUN}-{conversation}:{seq}"} | more


def ended(conversation: int, reached: bool = True, reason: str = "goal", messages: int = 2) -> dict[str, Any]:
    """The fields of a `conversation.ended` event."""
    return {
        "conversationId": f"{RUN}-{conversation}",
        "endedReason": reason,
        "goalReached": reached,
        "messages": messages,
        "usage": {"costUsd": 0.002},
    }


def whole_run() -> tuple[bytes, ...]:
    """The events of a scale test of two short conversations."""
    return (
        event("run.started", 1, kind="scale", total=2, agent={"name": "Kettle"}, maxBudgetUsd=0.1),
        event("message", 2, **message(1, 1)),
        event("message", 3, **message(1, 2, "It is refunded.")),
        event("message", 4, **message(2, 1)),
        event("conversation.ended", 5, **ended(1)),
        event("message", 6, **message(2, 2, "Hm.")),
        event("conversation.ended", 7, **ended(2, reached=False, reason="limit")),
        event("report.ready", 8, status="ready", successRate=0.5, successInterval=[0.09, 0.91]),
        event("run.ended", 9, **status()),
    )
