"""What code alone finds in an agent's message and what ends a conversation: refusal and repetition.

Both are conservative: a conversation that goes on by mistake costs a few messages, one that is ended by mistake is a
wrong result.
"""

import re
from collections.abc import Sequence

from shared.contracts.enums import EndedReason, Side
from shared.contracts.transcript import Entry

REFUSAL_WORDS = 60
NEAR_EQUAL_WORDS = 8
NEAR_EQUAL_SHARE = 0.9
LOOK_BACK = 2
COMPARED_CHARACTERS = 20_000
"""Who repeats himself does so from the beginning; and the words of a million characters take seconds to compare."""

_APOLOGY = (
    r"(?:(?:i'?m|i am|we'?re|we are) (?:very |really |so )?sorry|sorry|i apologi[sz]e|my apologies|"
    r"unfortunately|as an ai(?: language)?(?: model| assistant)?)[,.;:!]? (?:but )?"
)
_NOT_ABLE = (
    r"(?:i|we) (?:can'?t|cannot|can not|won'?t|will not|am unable to|are unable to|am not able to|"
    r"are not able to|must decline to|have to decline to)"
)
_WITH = (
    r"(?:help|assist|comply|continue|engage|proceed|discuss|answer|fulfil+|provide|support|do)"
    r"(?: you)?(?: with| on| in)? (?:that|this|it|your request|the request|such (?:a )?(?:request|content|thing)s?|"
    r"this conversation|any of that)\b"
)
_REFUSAL = re.compile(rf"(?:{_APOLOGY})?{_NOT_ABLE} {_WITH}")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def finding_of(content: str, before: Sequence[Entry]) -> EndedReason | None:
    """What ends the conversation in the agent's message `content`, given the messages before it; None almost always."""
    if refuses(content):
        return EndedReason.REFUSAL
    own = [message.content or "" for message in before if message.side is Side.AGENT]
    return EndedReason.REPETITION if repeats(own, content) else None


def refuses(content: str) -> bool:
    """A short message that begins by refusing as such, not one that lacks something ("I can't find your order")."""
    words = content.split(None, REFUSAL_WORDS)
    text = " ".join(words).lower().replace("’", "'")
    return len(words) <= REFUSAL_WORDS and _REFUSAL.match(text) is not None


def repeats(own: Sequence[str], content: str) -> bool:
    """Whether the agent says for the second time in a row what it said before: it is going round in circles."""
    if len(own) < LOOK_BACK:
        return False
    return _said_before(content, own[-LOOK_BACK:]) and _said_before(own[-1], own[-1 - LOOK_BACK : -1])


def _said_before(content: str, earlier: Sequence[str]) -> bool:
    words = _words(content)
    return bool(words) and any(_alike(words, _words(text)) for text in earlier)


def _words(text: str) -> list[str]:
    return _WORD.findall(text[:COMPARED_CHARACTERS].lower().replace("’", "'"))


def _alike(words: list[str], others: list[str]) -> bool:
    """Equal, or of eight words and more and with nine tenths of their different words in common."""
    if words == others:
        return True
    if min(len(words), len(others)) < NEAR_EQUAL_WORDS:
        return False
    one, other = set(words), set(others)
    return len(one & other) / max(len(one), len(other)) >= NEAR_EQUAL_SHARE
