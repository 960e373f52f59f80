"""Making it so: every effect has a name and can be repeated (spec/turn-protocol.md sections 2, 5, 8)."""

from dataclasses import dataclass
from datetime import datetime

from orchestrator.decide import Close, End, Ended, RequestJudge, RequestMessage
from orchestrator.facts import Gathered, spent_figures, total
from orchestrator.known import Known
from orchestrator.settings import OrchestratorSettings
from shared.contracts.events import ControlChanged, ConversationEnded, JudgementMade, MessageAdded, Progressed
from shared.contracts.generations import Generation
from shared.contracts.identity import conversation_index, generation_key, message_fact, run_of
from shared.contracts.judgement import Judgement
from shared.contracts.record import now
from shared.contracts.runs import Outcome, Run
from shared.contracts.settings import ConversationSettings, RunSettings
from shared.contracts.transcript import Entry, Failure, Usage, UsageView
from shared.contracts.words import EndedReason, EntryKind, Purpose, Stage
from shared.contracts.work import GenerationRequested, GenerationStored
from shared.errors import NotYet, Taken, UnknownRun
from shared.messaging.publisher import Publisher
from shared.routing import Registry, Route
from shared.routing.estimates import judge_prompt_tokens, reserved_nanos, speaker, turn_prompt_tokens
from shared.storage import Store
from shared.storage.accounts import Reserve

JUDGE_MAX_TOKENS = 1000
BUDGET_REFUSAL = Failure(code="budget_exceeded", message="The run's budget does not hold another judgement.")


Request = RequestMessage | RequestJudge


@dataclass(frozen=True, slots=True)
class Asked:
    """How one generation is asked for."""

    route: Route
    temperature: float
    max_tokens: int
    prompt_tokens: int


class Effects:
    """What a look can do to a conversation. No method decides anything."""

    def __init__(self, store: Store, publisher: Publisher, registry: Registry, settings: OrchestratorSettings) -> None:
        self._store = store
        self._publisher = publisher
        self._registry = registry
        self._settings = settings
        self._known = Known()

    def heard(self, done: GenerationStored) -> None:
        """A done proves that the fact of its message stands on the stream."""
        if done.conversation_id is not None and done.event_sequence:
            self._known.add(message_fact(done.conversation_id, done.seq))

    def reservation(self, settings: ConversationSettings, effect: Request) -> Reserve:
        """What a job reserves before it is published."""
        asked = self._asked(settings, effect)
        nanos = reserved_nanos(
            self._registry,
            asked.route,
            asked.max_tokens,
            asked.prompt_tokens,
            self._settings.reserved_output_tokens,
        )
        if isinstance(effect, RequestMessage):
            return Reserve("turn", effect.seq, nanos)
        return Reserve("judge", judge_place(effect.seq, effect.stage), nanos)

    async def give(self, conversation: str, settings: ConversationSettings, begin: int = 1) -> None:
        """Stores the given messages from seq `begin` on, each with its fact; what stands there already is told."""
        run_id = run_of(conversation)
        tenant = (await self._settings_of(run_id)).tenant
        for seq, given in enumerate(settings.given[begin - 1 :], begin):
            entry = Entry(
                conversation_id=conversation,
                run_id=run_id,
                tenant=tenant,
                seq=seq,
                kind=EntryKind.MESSAGE,
                created_at=now(),
                side=given.side,
                content=given.content,
                inherited=given.inherited,
            )
            try:
                await self._store.entries.insert(entry)
            except Taken:
                standing = await self._store.entries.at(conversation, seq)
                if standing is None or standing.kind is not EntryKind.MESSAGE:
                    return
                entry = standing
            await self._publisher.event(MessageAdded.of(entry))

    async def request(self, conversation: str, gathered: Gathered, effect: Request, first: bool) -> None:
        """Publishes the job for a message or a judge; a `first` look leaves out what was published a moment ago."""
        job = self._job(conversation, gathered, effect, first)
        if first and job.message_id in self._known:
            return
        await self._publisher.work(job)
        self._known.add(job.message_id)

    def _job(self, conversation: str, gathered: Gathered, effect: Request, first: bool) -> GenerationRequested:
        asked = self._asked(gathered.facts.settings, effect)
        judge = isinstance(effect, RequestJudge)
        return GenerationRequested(
            run_id=run_of(conversation),
            at=now(),
            conversation_id=conversation,
            seq=effect.seq,
            purpose=Purpose.JUDGE if judge else gathered.facts.purpose,
            stage=effect.stage if isinstance(effect, RequestJudge) else None,
            side=effect.side if isinstance(effect, RequestMessage) else None,
            provider=asked.route.provider,
            model=asked.route.model,
            repeat=not first,
            first_job_at=gathered.cause_at,
            conversation_started_at=gathered.clock_started_at,
            json_answer=judge,
            temperature=asked.temperature,
            max_tokens=asked.max_tokens,
        )

    def _asked(self, settings: ConversationSettings, effect: Request) -> Asked:
        expected = self._settings.expected_output_tokens
        if isinstance(effect, RequestMessage):
            participant = speaker(settings, effect.side)
            return Asked(
                Route(provider=participant.provider, model=participant.model),
                participant.temperature,
                participant.max_tokens,
                turn_prompt_tokens(settings, effect.seq, expected),
            )
        prompt_tokens = judge_prompt_tokens(settings, effect.seq, expected)
        return Asked(judge_route(settings, effect.stage), 0.0, JUDGE_MAX_TOKENS, prompt_tokens)

    async def refuse_judge(self, conversation: str, effect: RequestJudge) -> None:
        """Stores a judgement the budget refused as unknown: it neither ends nor blocks."""
        run_id = run_of(conversation)
        generation = Generation(
            id=generation_key(conversation, effect.seq, Purpose.JUDGE, effect.stage.value),
            run_id=run_id,
            tenant=(await self._settings_of(run_id)).tenant,
            conversation_id=conversation,
            seq=effect.seq,
            purpose=Purpose.JUDGE,
            stage=effect.stage.value,
            created_at=now(),
            failure=BUDGET_REFUSAL,
        )
        try:
            await self._store.generations.insert(generation)
        except Taken:
            # A judge was faster: its answer stands, and the next look reads it.
            return

    async def publish_unproven(self, conversation: str, gathered: Gathered, first: bool) -> None:
        """Publishes facts whose writer may have died just before: the last message, the newest judgements.

        A `first` look leaves out those that this process knows to stand there.
        """
        last = gathered.last
        if last is not None and not (first and message_fact(conversation, last.seq) in self._known):
            entry = await self._store.entries.at(conversation, last.seq)
            if entry is None:
                raise NotYet(f"message {conversation}:{last.seq} is not readable")
            await self._publisher.event(MessageAdded.of(entry))
        for judgement, made_at in gathered.judgements:
            fact = JudgementMade.of(run_of(conversation), made_at, conversation, judgement)
            if not (first and fact.message_id in self._known):
                await self._tell(fact)

    async def publish_judgement(self, conversation: str, judgement: Judgement, made_at: datetime) -> int:
        return await self._tell(JudgementMade.of(run_of(conversation), made_at, conversation, judgement))

    async def _tell(self, fact: JudgementMade) -> int:
        sequence = await self._publisher.event(fact)
        self._known.add(fact.message_id)
        return sequence

    async def end(self, conversation: str, effect: End) -> bool:
        """Inserts `ended`; False where that seq is taken, so that the look begins anew."""
        run_id = run_of(conversation)
        entry = Entry(
            conversation_id=conversation,
            run_id=run_id,
            tenant=(await self._settings_of(run_id)).tenant,
            seq=effect.seq,
            kind=EntryKind.ENDED,
            created_at=now(),
            ended_reason=effect.reason,
            decided_by=effect.decided_by,
            error=effect.error,
        )
        try:
            await self._store.entries.insert(entry)
        except Taken:
            return False
        return True

    async def close(self, conversation: str, effect: Close, gathered: Gathered) -> Run:
        """The closing effects up to the count; returns the run as counted."""
        settings = gathered.facts.settings
        goal_reached = reached(settings, effect.ended)
        entry, usage = await self.set_totals(conversation, effect, settings, gathered)
        await self._publisher.event(_ended_event(conversation, entry, effect.ended, goal_reached, usage))
        return await self._count(conversation, effect.ended, goal_reached)

    async def set_totals(
        self, conversation: str, effect: Close, settings: ConversationSettings, gathered: Gathered | None = None
    ) -> tuple[Entry, Usage]:
        """Sets what an ended conversation adds up to, by aggregation: repeating it sets the same or the truer.

        What was `gathered` after its end is not read again: a row that appears later has the totals set once more.
        """
        if gathered is None or gathered.end is None or gathered.usage is None:
            entry, usage = await self._ended_entry(conversation, effect), await self._usage(conversation)
        else:
            entry, usage = gathered.end, gathered.usage
        await self._store.conversations.set_totals(
            conversation,
            reason=effect.ended.reason,
            goal_reached=reached(settings, effect.ended),
            decided_by=effect.ended.decided_by,
            messages=effect.ended.seq - 1,
            usage=usage,
            ended_at=entry.created_at,
        )
        return entry, usage

    async def _ended_entry(self, conversation: str, effect: Close) -> Entry:
        entry = await self._store.entries.at(conversation, effect.ended.seq)
        if entry is None:
            raise NotYet(f"the end of {conversation} is not readable")
        return entry

    async def rest(self, run_id: str, version: int) -> None:
        """Shows a run that is wanted to pause as paused, once nothing of it is in flight."""
        if await self._store.runs.mark_paused(run_id, version):
            await self._publisher.event(ControlChanged(run_id=run_id, at=now(), type="run.paused", version=version))

    async def _usage(self, conversation: str) -> Usage:
        """What a conversation cost, late rows included."""
        figures = spent_figures(
            await self._store.entries.heads(conversation),
            await self._store.generations.of_conversation(conversation),
            await self._store.usage.of_conversation(conversation),
        )
        return total(figures)

    async def _count(self, conversation: str, ended: Ended, goal_reached: bool | None) -> Run:
        run_id, index = run_of(conversation), conversation_index(conversation)
        single = (await self._settings_of(run_id)).total == 1
        outcome = Outcome(ended_reason=ended.reason, goal_reached=goal_reached) if single else None
        run = await self._store.runs.count(run_id, index, ended.reason is EndedReason.ERROR, outcome)
        if run is None:
            raise UnknownRun(run_id)
        sequence = await self._publisher.event(Progressed.of(run))
        await self._store.runs.note_event(run_id, sequence, now())
        return run

    async def _settings_of(self, run_id: str) -> RunSettings:
        settings = await self._store.runs.settings(run_id)
        if settings is None:
            raise UnknownRun(run_id)
        return settings


def reached(settings: ConversationSettings, ended: Ended) -> bool | None:
    """Whether the goal was reached; null where nothing is judged."""
    return ended.reason is EndedReason.GOAL if settings.judged else None


def judge_place(seq: int, stage: Stage) -> int:
    """Where a stage stands in its conversation's judge slot: stages of one message follow each other."""
    return seq * len(Stage) + list(Stage).index(stage)


def judge_route(settings: ConversationSettings, stage: Stage) -> Route:
    """Who answers for a stage. Raises ValueError where nothing is judged."""
    judge = settings.judge
    if judge is None:
        raise ValueError("a judge is asked for where none is set")
    if stage in (Stage.STRONG, Stage.STRONG_REPAIR) and judge.strong_model is not None:
        return Route(provider=judge.strong_provider or judge.provider, model=judge.strong_model)
    return Route(provider=judge.provider, model=judge.model)


def _ended_event(
    conversation: str, entry: Entry, ended: Ended, goal_reached: bool | None, usage: Usage
) -> ConversationEnded:
    return ConversationEnded(
        run_id=run_of(conversation),
        at=entry.created_at,
        conversation_id=conversation,
        ended_reason=ended.reason,
        goal_reached=goal_reached,
        decided_by=ended.decided_by,
        messages=ended.seq - 1,
        usage=UsageView.of(usage),
        error=entry.error,
    )
