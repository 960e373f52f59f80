"""No message of the engine can outgrow the broker, whatever users, models and older versions wrote."""

import types
import typing
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from shared.contracts import events, work
from shared.contracts.bounds import BROKER_PAYLOAD_BYTES, HEADER_BYTES, LARGEST_PAYLOAD_BYTES, json_bytes
from shared.contracts.enums import Purpose
from shared.contracts.events import MessageAdded, RunEvent
from shared.contracts.model import Message
from shared.contracts.timestamps import now
from shared.contracts.transcript import BESIDE_EVENT_LIMIT, MESSAGE_EVENT_LIMIT, Entry, Failure, ToolCall, ToolResult
from shared.contracts.work import DeadLetter, PromptMessage, TriggerGivenUp
from shared.errors import NotStorable
from shared.messaging.publisher import _encoded
from support.builders import job, message

CONTROL = "\x01" * 200_000
"""Six bytes of JSON each."""
OURS = frozenset(
    {"type", "run_id", "conversation_id", "attempt", "key", "stage", "id", "job_id", "subject", "client_id", "parent"}
    | {
        "provider",
        "model",
        "next_provider",
        "download_url",
        "status",
        "events",
        "messages",
        "conversations",
        "report",
        "done_subject",
        "winner",
        "tenant",
    }
)
"""Fields whose text is made here, or checked where it comes in (ids, names of providers and models, paths)."""
CHECKED = frozenset({"question", "prompt", "job", "content", "parts", "tool_calls", "tool_results"})
"""Fields that are looked at one by one below."""


def contracts() -> Iterator[type[Message]]:
    for module in (events, work):
        for one in vars(module).values():
            is_message = isinstance(one, type) and issubclass(one, Message)
            if is_message and one not in (Message, RunEvent, TriggerGivenUp, MessageAdded):
                yield one


def largest(kind: Any, name: str) -> Any:
    """A value that is as large as somebody else could make it."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is typing.Annotated:
        return largest(inside[0], name)
    if origin in (types.UnionType, typing.Union):
        return largest(next(one for one in inside if one is not type(None)), name)
    if origin is typing.Literal:
        return inside[0]
    if origin is tuple:
        return tuple(largest(inside[0], name) for _ in range(100 if inside[-1] is Ellipsis else len(inside)))
    if origin is list:
        return ["x" * 40] * 100
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return filled(kind)
    if kind is str:
        return "x" * 64 if name in OURS else CONTROL
    return {bool: True, int: 2**62, float: 1e308, datetime: now()}[kind]


def filled(contract: type[BaseModel]) -> Any:
    fields = {
        name: largest(field.annotation, name) for name, field in contract.model_fields.items() if name not in CHECKED
    }
    return contract.model_validate(fields | {"question": None} if "question" in contract.model_fields else fields)


JOB = job("r", 0, Purpose.TURN)


@pytest.mark.parametrize(
    "contract", [one for one in contracts() if one is not DeadLetter], ids=lambda one: one.__name__
)
def test_message_fits_whatever_others_wrote(contract: type[Message]) -> None:
    assert len(filled(contract).to_json()) <= LARGEST_PAYLOAD_BYTES


def test_all_messages_are_looked_at() -> None:
    assert len(list(contracts())) >= 17


def test_letter_of_the_largest_job_fits() -> None:
    room = LARGEST_PAYLOAD_BYTES - len(JOB.to_json()) - 100
    job = JOB.model_copy(update={"prompt": (PromptMessage(role="user", content="x" * room),)})
    assert LARGEST_PAYLOAD_BYTES - 200 < len(_encoded(job)) <= LARGEST_PAYLOAD_BYTES
    failure = Failure(code=CONTROL, message=CONTROL)
    letter = DeadLetter(run_id="r", at=now(), key="k" * 200, failure=failure, job=job)
    assert len(_encoded(letter)) + 1024 < BROKER_PAYLOAD_BYTES
    assert HEADER_BYTES > 1024
    larger = JOB.model_copy(update={"prompt": (PromptMessage(role="user", content="x" * (room + 200)),)})
    with pytest.raises(NotStorable):
        _encoded(larger)


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def call(text: str) -> ToolCall:
    return ToolCall(id="c", name="tool", input=text)


STORED = {
    "a text of control characters": message("01run-1", 1, "\x01" * MESSAGE_EVENT_LIMIT),
    "a text of 17 MB": message("01run-1", 1, "\U0001f600" * 4_000_000),
    "a picture": message("01run-1", 1, "", parts=({"url": "data:" + "A" * 1_048_000},)),
    "numbers that grow": message("01run-1", 1, "", parts=({"d": [1e15] * 70_000},)),
    "deep parts": message("01run-1", 1, "", parts=(deep(400),)),
    "large arguments": message("01run-1", 2, "", tool_calls=(call("x" * 1_500_000),)),
    "many arguments": message("01run-1", 2, "", tool_calls=(call("x" * 2_000),) * 1_000),
    "a large result": message("01run-1", 1, "", tool_results=(ToolResult(tool_call_id="c", output=CONTROL),)),
    "a large finish reason": message("01run-1", 2, "", finish_reason=CONTROL, model=CONTROL),
    "all of it": message(
        "01run-1",
        2,
        "\x01" * MESSAGE_EVENT_LIMIT,
        parts=({"a": "\x01" * 40_000},),
        finish_reason=CONTROL,
        client_message_id=CONTROL,
        error=Failure(code=CONTROL, message=CONTROL),
    ),
}


@pytest.mark.parametrize("entry", STORED.values(), ids=STORED.keys())
def test_any_stored_message_can_be_told(entry: Entry) -> None:
    event = MessageAdded.of(entry)
    assert len(event.to_json()) <= LARGEST_PAYLOAD_BYTES
    assert event.length == len(entry.content or "")


def test_what_is_left_out_is_said_and_what_fits_is_not_touched() -> None:
    small = message("01run-1", 2, "hello", tool_calls=(call("{}"),), parts=({"a": 1},))
    told = MessageAdded.of(small)
    assert (told.truncated, told.content, told.tool_calls, told.parts) == (
        False,
        "hello",
        small.tool_calls,
        small.parts,
    )
    large = message("01run-1", 2, "hello", tool_calls=(call("x" * BESIDE_EVENT_LIMIT),), parts=({"a": 1},))
    told = MessageAdded.of(large)
    assert (told.truncated, told.content, told.tool_calls, told.parts) == (True, "hello", (), ())
    assert MessageAdded.whole(large).tool_calls == large.tool_calls
    just = BESIDE_EVENT_LIMIT - json_bytes(((), (call(""),), ()))
    assert not MessageAdded.of(message("01run-1", 2, "", tool_calls=(call("x" * just),))).truncated
    assert MessageAdded.of(message("01run-1", 2, "", tool_calls=(call("x" * (just + 1)),))).truncated
