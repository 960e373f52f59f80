"""The work that is measured: conversations of 10 + 10 messages with a model that takes 200 ms a call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

MESSAGES: Final = 20
CALL_SECONDS: Final = 0.2
WORDS_PER_CHUNK: Final = 4
"""Of forty words an answer: ten chunks."""
MODEL: Final = "demo-plain"
PROVIDER: Final = "demo"
AGENT_PROMPT: Final = "You are the support agent of an online shop. Help the customer in a few friendly sentences."
PERSONA: Final = "You ordered a kettle that arrived broken, and you want your money back."
GOAL: Final = "The agent confirms the refund and says how long it takes."
OPPONENT_PROMPT: Final = "\n\n".join(
    ("You are playing a person who talks to an AI agent.", PERSONA, "Stay in character. Write one message at a time.")
)
BEGIN: Final = "Begin the conversation."

PACE: Final[dict[str, Any]] = {"totalSeconds": CALL_SECONDS, "wordsPerChunk": WORDS_PER_CHUNK, "faults": []}


@dataclass(frozen=True)
class Case:
    """So many conversations at once, with or without a judge on every agent message."""

    at_once: int
    judged: bool = False

    @property
    def ideal_seconds(self) -> float:
        """The model's time alone: one call a message, and the judgement of the last message, which nothing overlaps."""
        return (MESSAGES + self.judged) * CALL_SECONDS

    @property
    def turns(self) -> int:
        """Messages in all."""
        return self.at_once * MESSAGES


def point_of_view(texts: Sequence[str], agent_speaks: bool) -> list[dict[str, str]]:
    """The prompt of the next message; the opponent opened, so texts 0, 2, 4 ... are its own."""
    system = AGENT_PROMPT if agent_speaks else OPPONENT_PROMPT
    seen = [
        {"role": "assistant" if (position % 2 == 1) == agent_speaks else "user", "content": text}
        for position, text in enumerate(texts)
    ]
    begin = [] if agent_speaks else [{"role": "user", "content": BEGIN}]
    return [{"role": "system", "content": system}, *begin, *seen]
