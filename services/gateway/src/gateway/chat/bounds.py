"""How much a new message may hold, and what the store can hold at all. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.chat.incoming import Line, Sent
from gateway.errors import FieldProblem, InvalidRequest
from gateway.schemas.chat import NEW_MESSAGES
from gateway.schemas.fields import MESSAGE_LENGTH, PROMPT_LENGTH

PARTS_LENGTH: Final = 64_000
ALL_PARTS_LENGTH: Final = 200_000
"""What becomes one message of a new chat stands in one event, and the broker takes a mebibyte."""
NESTING: Final = 40
LARGEST_STORED_INTEGER: Final = 2**63 - 1


def check_new(messages: Sequence[Sent], where: str = "messages") -> None:
    """Raises InvalidRequest where a new chat's messages are too many, too long, or hold what cannot be stored."""
    if len(messages) > NEW_MESSAGES:
        raise InvalidRequest(FieldProblem(where, f"must hold at most {NEW_MESSAGES} new messages", NEW_MESSAGES))
    problems = [problem for message in messages for problem in _problems(message)]
    if problems:
        raise InvalidRequest(*problems)
    if sum(line.beside for message in messages for line in message.lines) > ALL_PARTS_LENGTH:
        sentence = f"must have at most {ALL_PARTS_LENGTH} characters beside their texts: name files by their URL"
        raise InvalidRequest(FieldProblem(where, sentence, ALL_PARTS_LENGTH))


def check_line(line: Line, where: str) -> None:
    """Raises InvalidRequest where what a known chat's person says is nothing, too long, or cannot be stored."""
    problems = list(_problems(Sent("user", None, () if line.empty else (line,), where)))
    if problems:
        raise InvalidRequest(*problems)


def _problems(message: Sent) -> Iterator[FieldProblem]:
    most = PROMPT_LENGTH if message.role == "system" else MESSAGE_LENGTH
    if len(message.text) > most:
        yield FieldProblem(message.where, f"must have at most {most} characters", most)
    if not message.lines and message.role == "user":
        yield FieldProblem(message.where, "must not be empty", 1)
    kept = [one for line in message.lines for one in (line.parts, line.tools)]
    if not (storable(message.text) and storable(kept)):
        yield FieldProblem(message.where, "holds a character, a name or a number that cannot be stored")
    elif sum(line.beside for line in message.lines) > PARTS_LENGTH:
        sentence = f"must have at most {PARTS_LENGTH} characters beside its text: name files by their URL"
        yield FieldProblem(f"{message.where}.parts", sentence, PARTS_LENGTH)


def storable(value: object, depth: int = 0) -> bool:
    """Whether the store can hold the value: no lone surrogates, no NUL in names, no huge numbers, not too deep."""
    if depth > NESTING:
        return False
    if isinstance(value, dict):
        return all(_is_text(name) and "\0" not in name and storable(one, depth + 1) for name, one in value.items())
    if isinstance(value, list | tuple):
        return all(storable(one, depth + 1) for one in value)
    if isinstance(value, str):
        return _is_text(value)
    return not isinstance(value, int) or abs(value) <= LARGEST_STORED_INTEGER


def _is_text(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
