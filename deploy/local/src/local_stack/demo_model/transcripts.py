"""Transcripts as the product's prompts write them: sections, numbered messages, conversations."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

AGENT = "agent"
OPPONENT = "opponent"
_MESSAGE = re.compile(r"^\[(\d+)\] (agent|opponent|agent asks for \S+|tool gives): ?", re.MULTILINE)
_CONVERSATION = re.compile(r"^### Conversation (\S+) \((\w+), goal reached: (yes|no|unknown)\)[^\n]*\n?", re.MULTILINE)
_MARK = re.compile(r"^\| ?", re.MULTILINE)
_QUOTED_PROMPT = re.compile(r"^<<<\n(.*?)\n?^>>>$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Line:
    """One message: its number, who spoke (`AGENT` or `OPPONENT`; or a tool that was asked, or gave), what was said."""

    seq: int
    speaker: str
    text: str


@dataclass(frozen=True)
class Conversation:
    """One conversation of a report's material; `lines` is empty when it came condensed."""

    id: str
    ended_reason: str
    goal_reached: str
    lines: tuple[Line, ...]


def section(text: str, title: str) -> str:
    """What stands under `## title`, up to the next heading of that rank, its marks kept; empty when there is none."""
    found = re.search(rf"^## {re.escape(title)}[^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def quoted_prompt(text: str) -> tuple[str, str]:
    """The prompt between the lines `<<<` and `>>>`, and the text without it (a prompt may hold headings)."""
    found = _QUOTED_PROMPT.search(text)
    return (found[1], text[: found.start()] + text[found.end() :]) if found else ("", text)


def unmarked(text: str) -> str:
    """A framed text without the marks before its lines."""
    return _MARK.sub("", text)


def lines_of(text: str) -> tuple[Line, ...]:
    """The messages of a transcript, each from its `[seq] speaker:` to the next one."""
    return tuple(Line(int(head[1]), head[2], unmarked(body).strip()) for head, body in _pieces(_MESSAGE, text))


def conversations_of(text: str) -> tuple[Conversation, ...]:
    """The conversations of a report's material."""
    return tuple(Conversation(head[1], head[2], head[3], lines_of(body)) for head, body in _pieces(_CONVERSATION, text))


def _pieces(heading: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each heading with what follows it, up to the next one."""
    heads = list(heading.finditer(text))
    for head, following in zip_longest(heads, heads[1:]):
        yield head, text[head.end() : following.start() if following else len(text)]


def said_by(lines: Iterable[Line], speaker: str) -> list[str]:
    """The texts of one speaker, in order."""
    return [line.text for line in lines if line.speaker == speaker]
