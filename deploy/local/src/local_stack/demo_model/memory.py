"""A chat's summary: how it began, every name and number, and where it stands."""

import re
from typing import Final

from local_stack.demo_model.behaviours import sentences
from local_stack.demo_model.transcripts import AGENT, OPPONENT, lines_of, said_by, section, unmarked

NAMED_AT_MOST: Final = 40
WORDS_AT_MOST: Final = 30
_NAME_OR_NUMBER: Final = re.compile(r"(?<=\w )[A-Z][A-Za-z]+\b|\b\d+\b")
_EARLIER: Final = re.compile(r"^The person began with: (.+?) Named so far: (.+?)\. The agent's last word was:")


def named(text: str) -> list[str]:
    """Names (capitalised words inside a sentence) and numbers of a text, each once, in order."""
    return list(dict.fromkeys(_NAME_OR_NUMBER.findall(text)))


def remember(text: str) -> str:
    """The summary of the material in a memory prompt; one that is there already is carried on."""
    earlier, lines = _EARLIER.match(unmarked(section(text, "Summary so far"))), lines_of(section(text, "Transcript"))
    began = earlier[1] if earlier else _first_sentence(said_by(lines, OPPONENT)[:1])
    names = [*(earlier[2].split(", ") if earlier else ()), *named("\n".join(line.text for line in lines))]
    kept = ", ".join(list(dict.fromkeys(names))[-NAMED_AT_MOST:]) or "nothing"
    last = _first_sentence(said_by(lines, AGENT)[-1:])
    return f"The person began with: {began} Named so far: {kept}. The agent's last word was: {last}"


def _first_sentence(texts: list[str]) -> str:
    found = sentences(texts[0])[:1] if texts else []
    return " ".join("".join(found or ["nothing."]).split()[:WORDS_AT_MOST])
