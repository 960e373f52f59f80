"""Answers as events and events, made by hand."""

import json
from typing import Any

from gateway.answers.answer_events import Answered, AnswerEvent, Closed, Discarded, Opened, TextDelta, escaped
from gateway.answers.formats import AnswerContext, AnswerFormat
from gateway.answers.positions import ChunkEncoder, Position
from gateway.chat.formats.data_stream import DataStream
from gateway.chat.formats.text import ContentEvents, PlainText
from gateway.chat.formats.ui_stream import UiStream

PREFIX = "abc-01234567-"
BEFORE = 10
ABOUT = AnswerContext("chat1", 2, "chat1:2", "demo", "demo-fast", {"demo/demo-fast": "fast"})


def message(content: str, finish: str = "stop", attempt: str = "a1", **more: Any) -> dict[str, Any]:
    """A message as its event shows it."""
    known = {"provider": "demo", "model": "demo-fast", "promptTokens": 5, "completionTokens": 2, "costUsd": 0.1}
    return known | {"content": content, "finishReason": finish, "attempt": attempt} | more


class AnswerScript:
    """Numbers events as the stream would."""

    def __init__(self) -> None:
        self.events: list[AnswerEvent] = []
        self._sequence = BEFORE
        self._numbers: dict[str, int] = {}

    def open(self, attempt: str = "a1") -> "AnswerScript":
        return self._add(Opened(self._next(), attempt, "demo", "demo-fast"))

    def write(self, *texts: str, attempt: str = "a1") -> "AnswerScript":
        for text in texts:
            number = self._numbers[attempt] = self._numbers.get(attempt, -1) + 1
            self._add(TextDelta(self._next(), attempt, number, escaped(text)))
        return self

    def discard(self, attempt: str = "a1") -> "AnswerScript":
        return self._add(Discarded(self._next(), attempt, "retry"))

    def answer(self, content: str, finish: str = "stop", attempt: str = "a1", **more: Any) -> "AnswerScript":
        return self._add(Answered(self._next(), message(content, finish, attempt, **more)))

    def close(self, code: str = "canceled", sentence: str = "It was stopped.") -> "AnswerScript":
        return self._add(Closed(self._next(), code, sentence))

    def without(self, *numbers: int) -> list[AnswerEvent]:
        """The events but those at these places: they got lost."""
        return [event for place, event in enumerate(self.events) if place not in numbers]

    def _next(self) -> int:
        # Other runs' events stand between.
        self._sequence += 3
        return self._sequence

    def _add(self, event: AnswerEvent) -> "AnswerScript":
        self.events.append(event)
        return self


def ui(resets: bool = False, since: Position | None = None) -> UiStream:
    return UiStream(ABOUT, ChunkEncoder(PREFIX, ABOUT.seq, since), resets)


def data() -> DataStream:
    return DataStream(ABOUT)


def events(known: str = "", since: Position | None = None) -> ContentEvents:
    return ContentEvents(ChunkEncoder(PREFIX, ABOUT.seq, since), known)


def text() -> PlainText:
    return PlainText()


def written(format_: AnswerFormat, events: list[AnswerEvent]) -> bytes:
    """What a reader gets of the events: nothing after the end."""
    chunks = [format_.begin(BEFORE)]
    for event in events:
        chunks.append(format_.write(event))
        if format_.ended:
            break
    return b"".join(chunks)


def frames(read: bytes) -> list[tuple[str, str]]:
    """(id, data) of every whole event; what the end cut off is dropped."""
    found = []
    for block in read.split(b"\n\n")[:-1]:
        identity, _, body = block.partition(b"\n")
        found.append((identity.removeprefix(b"id: ").decode(), body.removeprefix(b"data: ").decode()))
    return found


def bodies(read: bytes) -> list[dict[str, Any]]:
    """What the events of a UI message stream or of content events hold; `[DONE]` as its own type."""
    return [{"type": "[DONE]"} if body == "[DONE]" else json.loads(body) for _, body in frames(read)]


def kinds(read: bytes) -> list[str]:
    return [body["type"] for body in bodies(read)]


def shown_text(read: bytes) -> list[str]:
    """The text parts a `useChat` of version 7 holds in the end."""
    parts: dict[str, str] = {}
    for body in bodies(read):
        match body["type"]:
            case "reset-step":
                parts.clear()
            case "text-start":
                assert body["id"] not in parts
                parts[body["id"]] = ""
            case "text-delta":
                parts[body["id"]] += body["delta"]
    return list(parts.values())
