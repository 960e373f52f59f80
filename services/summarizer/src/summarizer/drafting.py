"""A report that is to be written: who writes, what is asked, and what generations left so far. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from shared.contracts.enums import Wanted
from shared.contracts.generations import Generation
from shared.routing import Route
from summarizer import statistics
from summarizer.decide import Condense, DraftAnswer, Effect, Keep, Repair, ReportFacts
from summarizer.draft import read_draft
from summarizer.errors import UnusableAnswer
from summarizer.evidence import quoted
from summarizer.excerpts import Excerpt
from summarizer.played_run import PlayedRun
from summarizer.prompts import Prompt, ReportPrompts, Window

REPAIR: Final = "repair"
CONDENSE: Final = "condense"


def condense_stage(index: int) -> str:
    """The stage of the generation that condenses conversation `index`."""
    return f"{CONDENSE}-{index}"


def read_answer(stored: Generation | None) -> DraftAnswer | None:
    """What a stored generation answers; None where none stands."""
    if stored is None:
        return None
    if stored.failure is not None or stored.content is None:
        return DraftAnswer(failed=True)
    try:
        return DraftAnswer(read_draft(stored.content))
    except UnusableAnswer as error:
        return DraftAnswer(problem=error.problem)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes a report.

    A generation reserves at most `reserved_tokens` of output (docs/protocol.md section 8).
    """

    route: Route
    reserved_tokens: int

    def estimate(self, prompt: Prompt) -> int:
        """What a generation reserves, in nano-dollars."""
        return self.route.entry.expected_nanos(prompt.tokens, min(prompt.max_tokens, self.reserved_tokens))


class ReportDrafting:
    """The prompts of one report, given what its generations (`stored`, by stage) left so far."""

    def __init__(self, played: PlayedRun, writer: Writer, stored: Mapping[str | None, Generation]) -> None:
        self.writer = writer
        self.answer = read_answer(stored.get(None))
        self.repaired = read_answer(stored.get(REPAIR))
        self._stored = stored
        window = Window(writer.route.entry.context_window, writer.route.entry.max_output_tokens)
        self._prompts = ReportPrompts(played, statistics.count(played), window)

    @property
    def read(self) -> frozenset[str]:
        """The conversations whose texts are needed, by id: those that are shown, and those that answers quote."""
        answers = (self.answer, self.repaired)
        drafts = [answer.draft for answer in answers if answer is not None and answer.draft is not None]
        return self._prompts.shown | frozenset(one for draft in drafts for one in quoted(draft))

    @cached_property
    def report(self) -> Prompt:
        """The report's prompt, with every condensed text that stands."""
        return self._prompts.report({one.conversation.id: text for one in self._long if (text := self._condensed(one))})

    @cached_property
    def condensing(self) -> dict[int, Prompt]:
        """By conversation index, where neither a condensed text nor a final failure stands."""
        missing = [one for one in self._long if condense_stage(one.conversation.index) not in self._stored]
        return {one.conversation.index: self._prompts.condense(one) for one in missing}

    def asked(self, effect: Effect) -> tuple[str | None, Prompt]:
        """The stage and the prompt of a generation that is owed."""
        if isinstance(effect, Condense):
            return condense_stage(effect.index), self.condensing[effect.index]
        if isinstance(effect, Repair) and self.answer is not None:
            wrong = self._stored[None].content or ""
            return REPAIR, self._prompts.repair(self.report, wrong, self.answer.problem or "")
        return None, self.report

    def facts(self, facts: ReportFacts) -> ReportFacts:
        """The facts with what writing adds to them."""
        return replace(
            facts,
            writable=True,
            answer=self.answer,
            repair=self.repaired,
            condensing=tuple(self.condensing),
            report_nanos=self.writer.estimate(self.report),
            condensing_nanos=sum(self.writer.estimate(prompt) for prompt in self.condensing.values()),
        )

    @property
    def _long(self) -> list[Excerpt]:
        return self._prompts.to_condense()

    def _condensed(self, excerpt: Excerpt) -> str | None:
        stored = self._stored.get(condense_stage(excerpt.conversation.index))
        return stored.content if stored else None


def report_facts(played: PlayedRun, drafting: ReportDrafting | None) -> ReportFacts:
    """What `decide` needs of a run whose conversations are counted and whose report does not stand."""
    run = played.run
    has_prose = run.rules.has_prose(len(played.conversations))
    facts = ReportFacts(
        counted=True,
        canceled=run.control.wanted is Wanted.CANCEL,
        prose_wanted=run.settings.report is not None and run.settings.judged and has_prose,
        writable=False,
        left_nanos=run.budget.max - played.usage.cost_nanos,
    )
    return facts if drafting is None else drafting.facts(facts)


def generated_by(keep: Keep, stored: Mapping[str | None, Generation]) -> str | None:
    """`provider/model` of the generation whose draft is kept."""
    for stage in (None, REPAIR):
        generation = stored.get(stage)
        answer = read_answer(generation)
        if generation and answer and answer.draft is not None and answer.draft == keep.draft:
            return f"{generation.provider}/{generation.model}"
    return None
