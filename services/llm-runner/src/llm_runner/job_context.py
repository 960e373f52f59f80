"""A job and all that was read for it."""

from dataclasses import dataclass

from llm_runner.attempt_history import NO_ATTEMPTS, AttemptHistory
from llm_runner.facts import JobFacts
from llm_runner.leased_jobs import LeasedJob
from shared.contracts.generations import Generation
from shared.contracts.transcript import Entry
from shared.contracts.work import GenerationRequested


@dataclass(frozen=True, slots=True)
class JobContext:
    """`entries` is the whole transcript as it was read, `messages` the part of it that the prompt is made of.

    `memory` is the summary of what is old of a chat, where it has one.
    """

    leased: LeasedJob
    facts: JobFacts
    entries: tuple[Entry, ...]
    messages: tuple[Entry, ...] = ()
    history: AttemptHistory = NO_ATTEMPTS
    memory: Generation | None = None

    @property
    def job(self) -> GenerationRequested:
        return self.leased.job

    @property
    def first(self) -> bool:
        """Whether job and call are the generation's first: nothing else was spent on it."""
        return not self.leased.repeated
