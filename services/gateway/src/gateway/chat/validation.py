"""How much a new message may hold, in bytes of what is stored and told of it. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.chat.media import media_of
from gateway.chat.utterances import Utterance
from gateway.chat.wire_messages import SentMessage
from gateway.errors import FieldProblem, InvalidRequest
from gateway.schemas.chat import NEW_MESSAGES
from gateway.schemas.fields import MESSAGE_LENGTH, PROMPT_LENGTH
from gateway.schemas.storable import flaw, flaw_within
from shared.contracts.bounds import json_bytes
from shared.contracts.settings import GivenMessage

PARTS_BYTES: Final = 64_000
ALL_PARTS_BYTES: Final = 200_000
"""Of a new chat's messages, which may become one."""
LARGEST_BESIDE_BYTES: Final = 600_000
"""A message stands in one event, beside up to 64 KiB of text (six times that as JSON): the broker takes a mebibyte."""


def check_new(messages: Sequence[SentMessage], where: str = "messages") -> None:
    """Raises InvalidRequest where a new chat's messages are too many, too long, or hold what cannot be stored."""
    if len(messages) > NEW_MESSAGES:
        raise InvalidRequest(FieldProblem(where, f"must hold at most {NEW_MESSAGES} new messages", NEW_MESSAGES))
    problems = [problem for message in messages for problem in _problems(message)]
    if problems:
        raise InvalidRequest(*problems)
    if sum(utterance.bytes_beside for message in messages for utterance in message.utterances) > ALL_PARTS_BYTES:
        raise InvalidRequest(FieldProblem(where, _too_large(ALL_PARTS_BYTES), ALL_PARTS_BYTES))


def check_utterance(utterance: Utterance, where: str) -> None:
    """Raises InvalidRequest where what a known chat's person says is nothing, too long, or cannot be stored."""
    problems = list(_problems(SentMessage("user", None, () if utterance.empty else (utterance,), where)))
    if problems:
        raise InvalidRequest(*problems)


def check_given(given: GivenMessage, where: str) -> None:
    """Raises InvalidRequest for a message of a history that is more than one event tells."""
    if json_bytes((given.parts, given.tool_calls, given.tool_results)) > LARGEST_BESIDE_BYTES:
        sentence = f"must take at most {LARGEST_BESIDE_BYTES} bytes as JSON, with what stands in one message with it"
        raise InvalidRequest(FieldProblem(where, sentence, LARGEST_BESIDE_BYTES))


def _problems(message: SentMessage) -> Iterator[FieldProblem]:
    most = PROMPT_LENGTH if message.role == "system" else MESSAGE_LENGTH
    if len(message.text) > most:
        yield FieldProblem(message.where, f"must have at most {most} characters", most)
    if not message.utterances and message.role == "user":
        yield FieldProblem(message.where, "must not be empty", 1)
    if (unstorable := flaw(message.text)) is not None:
        yield FieldProblem(message.where, *unstorable)
    parts = [part for utterance in message.utterances for part in utterance.parts]
    if (shown := next(filter(None, map(media_of, parts)), None)) is not None:
        sentence = f"hold {shown}, which no model is shown here yet: say in words what is in it"
        yield FieldProblem(f"{message.where}.parts", sentence)
    elif (unstorable := flaw_within(parts, PARTS_BYTES)) is not None:
        yield FieldProblem(f"{message.where}.parts", *unstorable)
    elif sum(utterance.bytes_beside for utterance in message.utterances) > PARTS_BYTES:
        yield FieldProblem(f"{message.where}.parts", _too_large(PARTS_BYTES), PARTS_BYTES)


def _too_large(most: int) -> str:
    return f"must take at most {most} bytes as JSON beside the text: name files by their URL"
