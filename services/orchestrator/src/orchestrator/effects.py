"""Making it so: every effect has a name and can be repeated (docs/protocol.md sections 2, 5, 8)."""

from contextlib import suppress

from orchestrator.accounting import Request
from orchestrator.assignments import tenant_of
from orchestrator.decide import End, FailAnswer, RequestJudge, RequestMemory
from orchestrator.job_factory import JobFactory
from orchestrator.recently_published import RecentlyPublished
from orchestrator.snapshots import ConversationSnapshot
from shared.contracts.enums import EndedReason, EntryKind, Purpose, Side, Wanted
from shared.contracts.events import ControlChanged, JudgementMade, MessageAdded
from shared.contracts.generations import Generation
from shared.contracts.identity import generation_key, message_fact, run_of
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, Failure
from shared.contracts.work import GenerationStored, MemoryRequested
from shared.errors import NotStorable, NotYet, Taken
from shared.messaging.publisher import Publisher
from shared.storage import Store
from shared.storage.accounts import EventRecorded

BUDGET_REFUSAL = Failure(code="budget_exceeded", message="The run's budget does not hold another judgement.")
TRIES = 8
"""Of an end whose place messages take."""


class Effects:
    """What a look can do to a conversation; beginning and closing are parts of their own. No method decides."""

    def __init__(self, store: Store, publisher: Publisher, jobs: JobFactory) -> None:
        self._store = store
        self._publisher = publisher
        self._jobs = jobs
        self._published = RecentlyPublished()

    async def publish_result(self, conversation: str, done: GenerationStored) -> int:
        """Where the fact of a result stands on the stream; 0 where it has none.

        A judgement's is published here. Its runner has published a message's, as the done proves.
        """
        if done.judgement is not None and done.stored_at is not None:
            return await self._publish_judgement(
                JudgementMade.of(run_of(conversation), done.stored_at, conversation, done.judgement)
            )
        if done.event_sequence:
            self._published.add(message_fact(conversation, done.seq))
        return done.event_sequence

    async def request(self, conversation: str, snapshot: ConversationSnapshot, effect: Request, first: bool) -> None:
        """Publishes the job for a message or a judge; a `first` look leaves out what was published a moment ago.

        A memory is the summarizer's to ask for: its prompt holds the messages.
        """
        if isinstance(effect, RequestMemory):
            await self._publisher.work(
                MemoryRequested(
                    run_id=run_of(conversation),
                    at=now(),
                    conversation_id=conversation,
                    seq=effect.seq,
                    first_job_at=snapshot.cause_at,
                )
            )
            return
        job = self._jobs.job(conversation, snapshot, effect, first)
        if first and job.message_id in self._published:
            return
        await self._publisher.work(job)
        self._published.add(job.message_id)

    async def refuse_judge(self, conversation: str, effect: RequestJudge) -> None:
        """Stores a judgement the budget refused as unknown: it neither ends nor blocks."""
        run_id = run_of(conversation)
        generation = Generation(
            id=generation_key(conversation, effect.seq, Purpose.JUDGE, effect.stage.value),
            run_id=run_id,
            tenant=await tenant_of(self._store, run_id),
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

    async def publish_unproven(
        self, conversation: str, snapshot: ConversationSnapshot, first: bool
    ) -> tuple[EventRecorded, ...]:
        """Publishes facts whose writer may have died just before: the last message, given ones, the newest judgements.

        A `first` look leaves out those that this process knows to stand there. Returns what the message's fact says
        to the run's account: its done, which says it too, may be lost.
        """
        recorded: tuple[EventRecorded, ...] = ()
        last = snapshot.last
        if last is not None and not (first and message_fact(conversation, last.seq) in self._published):
            # Given messages are stored together: whoever died before it told the last one may have told none.
            begin = 1 if last.seq <= len(snapshot.facts.settings.given) else last.seq
            for entry in await self._whole(conversation, range(begin, last.seq + 1)):
                recorded = await self._publish_message(entry, snapshot)
        for judgement, made_at in snapshot.judgements:
            fact = JudgementMade.of(run_of(conversation), made_at, conversation, judgement)
            if not (first and fact.message_id in self._published):
                await self._publish_judgement(fact)
        return recorded

    async def _whole(self, conversation: str, seqs: range) -> list[Entry]:
        """The entries at these seqs, with their texts. Raises NotYet."""
        entries = await self._store.entries.some(conversation, seqs)
        if len(entries) < len(seqs):
            raise NotYet(f"messages {seqs.start} to {seqs.stop - 1} of {conversation} are not readable")
        return entries

    async def _publish_message(self, entry: Entry, snapshot: ConversationSnapshot) -> tuple[EventRecorded, ...]:
        try:
            sequence = await self._publisher.event(MessageAdded.of(entry))
        except NotStorable:
            if snapshot.facts.ended is None:
                raise
            # It was ended for that: what the broker cannot take does not keep the end from being told.
            return ()
        # A person's message is no turn that was taken: its answer is.
        asks = snapshot.facts.purpose is Purpose.CHAT and entry.side is Side.OPPONENT
        return (EventRecorded(sequence, entry.created_at, 0 if asks else entry.seq),)

    async def _publish_judgement(self, fact: JudgementMade) -> int:
        sequence = await self._publisher.event(fact)
        self._published.add(fact.message_id)
        return sequence

    async def show_paused(self, run_id: str, version: int) -> None:
        """Shows a run that is wanted to pause as paused, once nothing of it is in flight."""
        if await self._store.runs.mark_paused(run_id, version):
            await self._publisher.event(ControlChanged(run_id=run_id, at=now(), type="run.paused", version=version))

    async def fail_answer(self, conversation: str, effect: FailAnswer) -> None:
        """Stores an answer that says why there is none; whatever took its place is the answer then."""
        run_id = run_of(conversation)
        entry = Entry(
            conversation_id=conversation,
            run_id=run_id,
            tenant=await tenant_of(self._store, run_id),
            seq=effect.seq,
            kind=EntryKind.MESSAGE,
            created_at=now(),
            side=Side.AGENT,
            content="",
            finish_reason="error",
            error=effect.error,
        )
        with suppress(Taken):
            await self._store.entries.insert(entry)

    async def end(self, conversation: str, effect: End) -> Entry | None:
        """Inserts `ended`; None where that seq is taken, so that the look begins anew."""
        run_id = run_of(conversation)
        entry = Entry(
            conversation_id=conversation,
            run_id=run_id,
            tenant=await tenant_of(self._store, run_id),
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
            return None
        return entry

    async def close_off(self, conversation: str, failure: Failure) -> None:
        """Inserts `ended` wherever the transcript stands: `canceled` where that is wanted, else `error`."""
        wanted = await self._store.runs.control(run_of(conversation))
        canceled = wanted is not None and wanted.wanted is Wanted.CANCEL
        reason, error = (EndedReason.CANCELED, None) if canceled else (EndedReason.ERROR, failure)
        for _ in range(TRIES):
            last = (await self._store.entries.ends([conversation])).get(conversation)
            if last is not None and last.ended:
                break
            seq = last.seq + 1 if last else 1
            if await self.end(conversation, End(seq, reason, error=error)) is not None:
                break
