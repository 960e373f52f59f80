"""Names, so that whoever repeats an effect gives it the same name (docs/protocol.md sections 1 and 2)."""

import os
import time
from hashlib import sha256

from shared.contracts.enums import Purpose

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id() -> str:
    """26 characters, sortable by time, safe in subjects and URLs (ULID, lower case)."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def conversation_id(run_id: str, index: int) -> str:
    """The id of the index-th conversation (1, 2, 3 ...) of a run: derived, never drawn.

    A chat, and every other run of one answer, is its own conversation and has one id for both (docs/api.md):
    `Run.conversation_id` knows which.
    """
    return f"{run_id}-{index}"


def conversation_index(conversation: str) -> int:
    """The index a conversation id was derived from."""
    run_id, _, index = conversation.rpartition("-")
    return int(index) if run_id else 1


def run_of(conversation: str) -> str:
    """The run a conversation id was derived from: a chat's is its own."""
    return conversation.rpartition("-")[0] or conversation


def generation_key(subject: str, seq: int, purpose: Purpose, stage: str | None = None, pass_number: int = 0) -> str:
    """`<conversation or run>:<seq>:<purpose>[:<stage>][:p<pass>]`: one result for ever stands under it."""
    parts = [subject, str(seq), purpose.value]
    if stage is not None:
        parts.append(stage)
    if pass_number:
        parts.append(f"p{pass_number}")
    return ":".join(parts)


def message_fact(conversation: str, seq: int) -> str:
    """The message id of the fact that message `seq` stands."""
    return f"{conversation}:{seq}:message"


def content_hash(content: str) -> str:
    """Lower-case hexadecimal SHA-256 of a text in UTF-8."""
    return sha256(content.encode()).hexdigest()
