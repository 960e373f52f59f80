"""Entries of a transcript as they are stored, and messages as the world sees them."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import Field

from shared.contracts.bounds import json_bytes
from shared.contracts.enums import EndedReason, EntryKind, FailureFamily, Side
from shared.contracts.identity import content_hash
from shared.contracts.judgement import Judgement
from shared.contracts.model import Contract, Sentence, Word, absent
from shared.contracts.money import to_usd
from shared.contracts.timestamps import Timestamp
from shared.errors import NotStorable

MESSAGE_EVENT_LIMIT = 64 * 1024
"""Bytes of UTF-8 that a text may have to stand in its message's event; as JSON it has six times as many at most."""
BESIDE_EVENT_LIMIT = 256 * 1024
"""Bytes of JSON that what stands beside the text may have together, to stand in its message's event."""


class Failure(Contract):
    """Why something failed for good: a code of the contract and a sentence a person can act on.

    Of a provider's fault the `family` says what kind it was, and `retry_after` after how many seconds it may pass.
    """

    code: Word
    message: Sentence
    family: FailureFamily | None = Field(default=None, exclude_if=absent)
    retry_after: float | None = Field(default=None, exclude_if=absent)


class Usage(Contract):
    """Tokens and cost of one or many calls.

    What was read from a provider's cache or written into it is a part of `prompt_tokens`, reasoning one of
    `completion_tokens`. `cost_nanos` is the cost that is known: of `cost_unknown_calls` nobody knows the price.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_nanos: int = 0
    cache_read_tokens: int = Field(default=0, exclude_if=absent)
    cache_write_tokens: int = Field(default=0, exclude_if=absent)
    reasoning_tokens: int = Field(default=0, exclude_if=absent)
    cost_unknown_calls: int = Field(default=0, exclude_if=absent)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields})


class UsageView(Contract):
    """Usage as the contract shows it."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    cache_read_tokens: int = Field(default=0, exclude_if=absent)
    cache_write_tokens: int = Field(default=0, exclude_if=absent)
    reasoning_tokens: int = Field(default=0, exclude_if=absent)
    cost_unknown_calls: int = Field(default=0, exclude_if=absent)

    @classmethod
    def of(cls, usage: Usage) -> "UsageView":
        return cls(cost_usd=to_usd(usage.cost_nanos), **usage.model_dump(exclude={"cost_nanos"}))


class ToolCall(Contract):
    """A tool the model asks for; `input` is the JSON object of its arguments, as text.

    `beside` is the JSON object of what else its provider wrote into the call, and wants to see again.
    """

    id: str
    name: str
    input: str
    beside: str | None = Field(default=None, exclude_if=absent)


class ToolResult(Contract):
    """What a tool answered, as JSON text."""

    tool_call_id: str
    output: str
    is_error: bool = False


class Entry(Contract):
    """One line of a transcript: `(conversation_id, seq)` is unique, seq = 1, 2, 3 ... without gaps.

    `attempt` is the attempt whose text won; given messages have none. `usage` is zero for given and
    inherited ones. An `ended` entry holds the reason, and nothing ever follows it.

    In a chat `client_message_id` is unique too. A person's message may hold `parts` that are no text and
    `tool_results`; an answer may hold `tool_calls`, and `folded_to`: messages up to that seq reached its model as a
    summary only. `reasoning` is what its model thought, which no other reads, and `thoughts` what of that has to reach
    the same model again as it is, as JSON texts. `warnings` name what is odd about it. A `rewind` entry takes back
    every message above `rewind_to`; readers `fold` it. `author` is what a caller of /v1 calls whoever said a
    given message: its model is told. `substituted` says that another model spoke than was asked for (the same one at
    another provider is no other).
    """

    conversation_id: str
    run_id: str
    tenant: str
    seq: int
    kind: EntryKind
    created_at: datetime
    side: Side | None = None
    content: str | None = None
    provider: str | None = None
    model: str | None = None
    attempt: str | None = None
    attempt_number: int | None = None
    usage: Usage = Usage()
    estimated: bool = False
    latency_ms: float | None = None
    ttft_ms: float | None = None
    finish_reason: str | None = None
    raw_finish_reason: str | None = Field(default=None, exclude_if=absent)
    reasoning: str | None = Field(default=None, exclude_if=absent)
    thoughts: tuple[str, ...] = Field(default=(), exclude_if=absent)
    warnings: tuple[str, ...] = Field(default=(), exclude_if=absent)
    substituted: bool = Field(default=False, exclude_if=absent)
    finding: EndedReason | None = None
    inherited: bool = False
    ended_reason: EndedReason | None = None
    decided_by: int | None = None
    error: Failure | None = None
    client_message_id: str | None = None
    author: str | None = Field(default=None, exclude_if=absent)
    parts: tuple[dict[str, object], ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    folded_to: int | None = None
    rewind_to: int | None = None


def fold(entries: Iterable[Entry]) -> list[Entry]:
    """The messages that count: a rewind takes back what stands above its `rewind_to` (section 9 of the protocol)."""
    messages: list[Entry] = []
    for entry in entries:
        if entry.kind is EntryKind.MESSAGE:
            messages.append(entry)
        elif entry.kind is EntryKind.REWIND and entry.rewind_to is not None:
            messages = [message for message in messages if message.seq <= (entry.rewind_to or 0)]
    return messages


def spoken_by_another(entries: Iterable[Entry]) -> bool:
    """Whether another model spoke in any of them than was asked for; what was inherited was spoken elsewhere."""
    return any(entry.substituted and not entry.inherited for entry in entries)


class MessageView(Contract):
    """A message as REST shows it (docs/api.md, `GET .../messages`); role is seen from the agent."""

    id: str
    seq: int
    role: str
    side: Side
    content: str | None
    created_at: Timestamp
    model: str | None = None
    provider: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    latency_ms: float | None = None
    ttft_ms: float | None = None
    finish_reason: str | None = None
    attempt: str | None = None
    judgement: Judgement | None = None
    inherited: bool = False
    client_message_id: str | None = Field(default=None, exclude_if=absent)
    parts: tuple[dict[str, object], ...] = Field(default=(), exclude_if=absent)
    tool_calls: tuple[ToolCall, ...] = Field(default=(), exclude_if=absent)
    tool_results: tuple[ToolResult, ...] = Field(default=(), exclude_if=absent)
    folded_to: int | None = Field(default=None, exclude_if=absent)
    warnings: tuple[str, ...] = Field(default=(), exclude_if=absent)
    error: Failure | None = Field(default=None, exclude_if=absent)
    cost_unknown: bool = Field(default=False, exclude_if=absent)


def message_view(entry: Entry, judgement: Judgement | None = None) -> MessageView:
    """The message a `message` entry holds, as the contract shows it."""
    if entry.side is None:
        raise ValueError(f"entry {entry.conversation_id}:{entry.seq} is no message")
    return MessageView(
        id=f"{entry.conversation_id}:{entry.seq}",
        seq=entry.seq,
        role="assistant" if entry.side is Side.AGENT else "user",
        side=entry.side,
        content=entry.content,
        created_at=entry.created_at,
        model=entry.model,
        provider=entry.provider,
        prompt_tokens=entry.usage.prompt_tokens,
        completion_tokens=entry.usage.completion_tokens,
        cost_usd=to_usd(entry.usage.cost_nanos),
        latency_ms=entry.latency_ms,
        ttft_ms=entry.ttft_ms,
        finish_reason=entry.finish_reason,
        attempt=entry.attempt,
        judgement=judgement,
        inherited=entry.inherited,
        client_message_id=entry.client_message_id,
        parts=entry.parts,
        tool_calls=entry.tool_calls,
        tool_results=entry.tool_results,
        folded_to=entry.folded_to,
        warnings=entry.warnings,
        error=entry.error,
        cost_unknown=entry.usage.cost_unknown_calls > 0,
    )


def content_digest(entry: Entry) -> dict[str, object]:
    """`length` in characters, and `sha256` of the text."""
    content = entry.content or ""
    return {"length": len(content), "sha256": content_hash(content)}


def oversized_fields(entry: Entry) -> dict[str, object]:
    """What the event of a message has empty, for it may outgrow the broker: all by name, nothing where all fits."""
    empty: dict[str, object] = {}
    if len((entry.content or "").encode()) > MESSAGE_EVENT_LIMIT:
        empty["content"] = None
    beside = (entry.parts, entry.tool_calls, entry.tool_results)
    if any(beside) and not _fits(beside):
        empty |= {"parts": (), "tool_calls": (), "tool_results": ()}
    return empty


def _fits(beside: object) -> bool:
    try:
        return json_bytes(beside) <= BESIDE_EVENT_LIMIT
    except NotStorable:
        # An older version stored what has no JSON.
        return False
