"""Making transcripts fit: shares of a window, clipped texts, and which conversations are shown. Pure.

Tokens are counted as four bytes of UTF-8 each, rounded up: a rough figure, and why only half a window is ever used.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts.framing import behind, one_line
from shared.contracts.transcript import Entry
from shared.routing.report_sizes import CONDENSED_AT_MOST, HEADING_TOKENS, SHOWN_AT_MOST, shown_at_most
from summarizer.played_run import Figures, PlayedConversation, answers_of

BYTES_PER_TOKEN = 4
CUT = " [...] "
CUT_TOKENS = 2
SUCCESSES_SHOWN = 10
LINE_FRAME_TOKENS = 5


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A conversation that is shown, and how many tokens of its transcript fit."""

    conversation: PlayedConversation
    share: int
    condensed: bool


def tokens_of(text: str) -> int:
    """Tokens of a text by its length."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def clip(text: str, tokens: int) -> str:
    """The text, or its beginning and its end where it is longer than `tokens`."""
    if tokens_of(text) <= tokens:
        return text
    whole, room = text.encode(), max(0, tokens - CUT_TOKENS) * BYTES_PER_TOKEN
    tail = room // 3
    end = whole[len(whole) - tail :].decode(errors="ignore") if tail else ""
    return whole[: room - tail].decode(errors="ignore") + CUT + end


def fair_shares(wanted: Sequence[int], capacity: int) -> list[int]:
    """What each gets of `capacity`: all it wants, or an equal part of what smaller wishes leave."""
    shares = [0] * len(wanted)
    left = capacity
    for position, index in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        shares[index] = min(wanted[index], left // (len(wanted) - position))
        left -= shares[index]
    return shares


def transcript(messages: Sequence[Entry], tokens: int | None = None) -> str:
    """`[seq] side: text` for each message; where `tokens` do not hold all, longer messages are clipped."""
    said = [line for message in messages for line in _said(message)]
    labels, texts = [label for label, _ in said], [behind(text) for _, text in said]
    whole = _lines(labels, texts)
    if tokens is None or tokens_of(whole) <= tokens:
        return whole
    room = max(0, tokens - LINE_FRAME_TOKENS * len(texts))
    shares = fair_shares([tokens_of(text) for text in texts], room)
    return _lines(labels, [clip(text, share) for text, share in zip(texts, shares, strict=True)])


def _said(message: Entry) -> list[tuple[str, str]]:
    """What a message says, and what tools were asked in it and gave: each with the label no text can imitate."""
    calls = [(f"{message.side} asks for {one_line(call.name)}", call.input) for call in message.tool_calls]
    results = [("tool gives", result.output) for result in message.tool_results]
    said = [(f"{message.side}", message.content or "")] if message.content or not (calls or results) else []
    return [(f"[{message.seq}] {who}", text) for who, text in (*said, *calls, *results)]


def _lines(labels: Sequence[str], texts: Sequence[str]) -> str:
    return "\n".join(f"{label}: {text}" for label, text in zip(labels, texts, strict=True))


def excerpts(conversations: Sequence[PlayedConversation], capacity: int) -> list[Excerpt]:
    """What is shown of a run within `capacity` tokens: all of it, or failures first and a sample of successes.

    A conversation that exceeds its share is to be condensed; what is beyond the bound of that is clipped.
    """
    sizes = {one.id: HEADING_TOKENS + _tokens(one) for one in conversations}
    chosen = list(conversations)
    if sum(sizes.values()) > capacity or len(chosen) > SHOWN_AT_MOST:
        chosen = _sample(conversations, shown_at_most(len(conversations), capacity))
    shares = fair_shares([sizes[one.id] for one in chosen], capacity)
    too_long = [one.id for one, share in zip(chosen, shares, strict=True) if sizes[one.id] > share]
    condensed = frozenset(too_long[:CONDENSED_AT_MOST])
    return [
        Excerpt(one, max(0, share - HEADING_TOKENS), one.id in condensed)
        for one, share in zip(chosen, shares, strict=True)
    ]


def figures_of(messages: Sequence[Entry]) -> Figures:
    """What a transcript adds up to."""
    return Figures(len(messages), tokens_of(transcript(messages)), answers_of(messages))


def _tokens(one: PlayedConversation) -> int:
    return tokens_of(transcript(one.messages)) if one.figures is None else one.figures.tokens


def _sample(conversations: Sequence[PlayedConversation], room: int) -> list[PlayedConversation]:
    missed = [one for one in conversations if one.missed]
    reached = [one for one in conversations if not one.missed]
    shown = _evenly(missed, room)
    return shown + _evenly(reached, min(SUCCESSES_SHOWN, room - len(shown)))


def _evenly(conversations: Sequence[PlayedConversation], count: int) -> list[PlayedConversation]:
    """`count` of them, evenly spaced: the same ones at every look."""
    if count >= len(conversations):
        return list(conversations)
    return [conversations[place * len(conversations) // count] for place in range(count)]
