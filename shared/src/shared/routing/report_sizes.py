"""How much of a run its report reads, in tokens: what bounds its prompts, and so what it costs.

Half of the writer's window at most, shared by the conversations that are shown; those that do not fit their share are
condensed first, each by a call of its own.
"""

from typing import Final, NamedTuple

WINDOW_PART: Final = 2  # half: token counts are rough, and a run reserves no more for its report
PROMPT_TOKENS_AT_MOST: Final = 100_000  # a job is one message on the broker, of at most 1 MB
TRANSCRIPTS_TOKENS_AT_LEAST: Final = 2_000
SHOWN_AT_MOST: Final = 100
LEAST_SHARE_TOKENS: Final = 300
CONDENSED_AT_MOST: Final = 24
CONDENSED_TOKENS_AT_MOST: Final = 400
HEADING_TOKENS: Final = 30


class Condensing(NamedTuple):
    """Calls that condense a transcript: how many, and the tokens of each."""

    calls: int
    prompt: int
    answer: int


def prompt_limit(window: int) -> int:
    """The tokens a report's prompt has at most, by the window of the model that writes it."""
    return min(window // WINDOW_PART, PROMPT_TOKENS_AT_MOST)


def shown_at_most(total: int, capacity: int) -> int:
    """How many of a run's conversations are shown where not all of them fit into `capacity` tokens."""
    return min(total, SHOWN_AT_MOST, max(1, capacity // LEAST_SHARE_TOKENS))


def expected_condensing(total: int, transcript: int, head: int, window: int) -> Condensing:
    """What is condensed of `total` conversations of so many tokens each, where all else takes `head` tokens."""
    limit = prompt_limit(window)
    capacity = max(TRANSCRIPTS_TOKENS_AT_LEAST, limit - head)
    whole = total * (transcript + HEADING_TOKENS) <= capacity and total <= SHOWN_AT_MOST
    shown = total if whole else shown_at_most(total, capacity)
    share = capacity // shown - HEADING_TOKENS
    if transcript <= share:
        return Condensing(0, 0, 0)
    return Condensing(min(shown, CONDENSED_AT_MOST), min(transcript, limit), min(share, CONDENSED_TOKENS_AT_MOST))
