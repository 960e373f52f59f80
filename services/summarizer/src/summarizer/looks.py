"""A look at the report of a run: read what is durable, decide what is owed, make it so in order.

report.do            ─┐
llm.done.summarizer  ─┴▶ read ─▶ decide ─┬▶ condense / write / repair: jobs, whose done looks again
                                         └▶ keep ─▶ report.ready ─▶ the run's end
"""

from collections.abc import Mapping, Sequence

from shared.bounded_cache import BoundedCache
from shared.contracts.generations import Generation
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.errors import StaleMessage, UnknownRun
from shared.logs import Logger
from shared.routing import Router, UnknownModel
from shared.storage import Store
from summarizer.composition import compose
from summarizer.decide import Announce, Effect, EndRun, Keep, ReportFacts, decide
from summarizer.drafting import ReportDrafting, Writer, generated_by, report_facts
from summarizer.effects import Effects
from summarizer.facts import read_conversations, read_report, with_texts
from summarizer.played_run import PlayedConversation, PlayedRun

READ_BYTES = 16 * 1024 * 1024
CONVERSATION_BYTES, ANSWER_BYTES = 3_000, 120
"""What a conversation that was read takes in memory, and each answer in it, about: its texts are not kept."""


class ReportLooks:
    """Looks at reports. Repeating a look, from any point on, repeats nothing that anybody sees."""

    def __init__(self, store: Store, effects: Effects, router: Router, reserved_tokens: int, log: Logger) -> None:
        self._store = store
        self._effects = effects
        self._router = router
        self._reserved_tokens = reserved_tokens
        self._log = log
        self._read: BoundedCache[str, tuple[PlayedConversation, ...]] = BoundedCache(READ_BYTES)

    async def look(self, run_id: str, first: bool) -> None:
        """Makes it so. `first` says that the trigger was a done that was delivered for the first time.

        Raises UnknownRun, and StaleMessage where nothing is owed: a conversation is not counted, or the run is over.
        """
        run = await self._store.runs.get(run_id)
        if run is None:
            raise UnknownRun(run_id)
        counted, over = len(run.ended) >= run.total, run.end_sequence is not None
        if counted and not over and await self._store.reports.get(run_id) is None:
            await self._write(run, first)
        else:
            await self._finish(decide(ReportFacts(counted, over=over, stands=counted)), run_id)

    async def give_up(self, run_id: str) -> None:
        """Keeps a report of statistics only, `failed`, where none stands, and ends the run.

        Raises UnknownRun, and StaleMessage where a conversation is not counted, or the run is over.
        """
        run = await self._store.runs.get(run_id)
        if run is None:
            raise UnknownRun(run_id)
        if len(run.ended) < run.total or run.end_sequence is not None:
            raise StaleMessage(f"nothing is owed to the report of {run_id}")
        if await self._store.reports.get(run_id) is None:
            played, stored = await read_report(self._store, run, await self._conversations(run))
            await self._keep(played, Keep(reason="failed"), stored)
        await self._finish((Announce(), EndRun()), run_id)

    async def _write(self, run: Run, first: bool) -> None:
        """No report stands: asks for what it needs, or keeps it and ends the run."""
        played, stored = await read_report(self._store, run, await self._conversations(run))
        drafting = self._drafting(played, stored)
        if drafting is not None and run.settings.judged:
            played = await with_texts(self._store, played, drafting.read)
            drafting = self._drafting(played, stored)
        effects = decide(report_facts(played, drafting))
        if isinstance(effects[0], Keep):
            await self._keep(played, effects[0], stored)
            await self._finish(effects[1:], run.id)
        elif drafting is not None:
            await self._ask(played, drafting, effects, first)

    async def _conversations(self, run: Run) -> tuple[PlayedConversation, ...]:
        """As they were read at the first look: a report takes several, and what is counted never changes."""
        known = self._read.get(run.id)
        if known is not None:
            return known
        read = await read_conversations(self._store, run)
        self._read.keep(run.id, read, sum(CONVERSATION_BYTES + ANSWER_BYTES * len(one.answers) for one in read))
        return read

    async def _keep(self, played: PlayedRun, keep: Keep, stored: Mapping[str | None, Generation]) -> None:
        report = compose(played, keep, generated_by(keep, stored), now())
        await self._effects.keep(report)
        self._read.forget(report.run_id)
        self._log.info("report kept", run_id=report.run_id, status=report.status, reason=report.reason)

    async def _ask(self, played: PlayedRun, drafting: ReportDrafting, effects: Sequence[Effect], first: bool) -> None:
        for effect in effects:
            stage, prompt = drafting.asked(effect)
            await self._effects.request(played, drafting.writer.route, stage, prompt, repeat=not first)
        self._log.info("report generations asked for", run_id=played.run.id, count=len(effects))

    async def _finish(self, effects: Sequence[Effect], run_id: str) -> None:
        """What a report that stands is owed."""
        if not effects:
            raise StaleMessage(f"nothing is owed to the report of {run_id}")
        for effect in effects:
            if isinstance(effect, Announce):
                await self._effects.announce(run_id)
            elif isinstance(effect, EndRun):
                await self._effects.end(run_id)
                self._log.info("run ended", run_id=run_id)

    def _drafting(self, played: PlayedRun, stored: Mapping[str | None, Generation]) -> ReportDrafting | None:
        """None where the run names no writer, or one the registry does not know (any more)."""
        participant = played.run.settings.report
        if participant is None:
            return None
        try:
            route = self._router.first(participant.pinned)
        except UnknownModel as error:
            self._log.error("report cannot be written", run_id=played.run.id, error=str(error))
            return None
        return ReportDrafting(played, Writer(route, self._reserved_tokens), stored)
