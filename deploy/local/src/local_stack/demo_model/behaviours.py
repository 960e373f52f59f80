"""What an agent does for the person it talks to, and how each such thing is recognised in text.

One table serves every role, which keeps them honest with each other: the agent says `does` lines, the opponent and
the judge find them with `said`, and the report's `instruction` is what makes the agent do it next time.
"""

import re
from dataclasses import dataclass

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_FORBIDDEN = re.compile(r"\b(?:do not|don't|never|avoid|must not)\b", re.IGNORECASE)
# "Never end without confirming" asks for a confirmation all the same.
_FORBIDDEN_UNLESS = re.compile(r"\b(?:without|until|unless|before)\b", re.IGNORECASE)
_HEDGED = re.compile(
    r"\b(?:can't|cannot|unable|not yet|won't|whether|if|once|as soon as|might|may|should)\b", re.IGNORECASE
)


def pattern(expression: str) -> re.Pattern[str]:
    """A pattern that ignores case and reads across line ends."""
    return re.compile(expression, re.IGNORECASE | re.DOTALL)


def sentences(text: str) -> list[str]:
    """The sentences of a text, each a verbatim part of it."""
    return [sentence for sentence in _SENTENCE_END.split(text) if sentence.strip()]


@dataclass(frozen=True)
class Behaviour:
    """One thing the person needs the agent to do.

    `instructed`: an agent's prompt asks for it. `said`: a sentence of the agent does it. `pressed`: the person asks
    for it. `named`: a goal or criterion is about it. The lines are templates; `tag` is the report's vocabulary.
    """

    id: str
    instructed: re.Pattern[str]
    said: re.Pattern[str]
    pressed: re.Pattern[str]
    named: re.Pattern[str]
    does: tuple[str, ...]
    misses: tuple[str, ...]
    presses: tuple[str, ...]
    instruction: str
    tag: str
    description: str
    question: bool = False
    needed: bool = True

    def is_instructed(self, prompt: str) -> bool:
        """Whether a system prompt asks for this, sentence by sentence, so that "do not ..." does not count."""
        return any(
            self.instructed.search(sentence) and (not _FORBIDDEN.search(sentence) or _FORBIDDEN_UNLESS.search(sentence))
            for sentence in sentences(prompt)
        )

    def evidence(self, text: str) -> str | None:
        """The first sentence of an agent's message that does this, verbatim."""
        return next((sentence for sentence in sentences(text) if self._is_done_by(sentence)), None)

    def _is_done_by(self, sentence: str) -> bool:
        if not self.said.search(sentence):
            return False
        return sentence.rstrip().endswith("?") if self.question else not _HEDGED.search(sentence)
