"""What a look says to its run's account, and what the account answers. Pure.

A look reserves what its conversation would be owed if control let it, with the same update that brings control and
deadline back: so the common look costs one update. The reservation itself refuses while the run is not wanted to run.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from orchestrator.conversation_facts import ConversationFacts
from orchestrator.decide import Effect, RequestJudge, RequestMemory, RequestMessage
from orchestrator.snapshots import ConversationSnapshot
from shared.contracts.enums import Purpose, Stage
from shared.contracts.work import GenerationStored
from shared.storage.accounts import Change, EventRecorded, Settle, judge_place
from shared.storage.run_accounts import RunAccountView

Request = RequestMessage | RequestJudge | RequestMemory


@dataclass(frozen=True, slots=True)
class Owed:
    """What a conversation would be owed if its run let it, and what that follows from."""

    snapshot: ConversationSnapshot
    effects: tuple[Effect, ...]

    @property
    def requests(self) -> tuple[Request, ...]:
        """Those that reserve something."""
        return tuple(effect for effect in self.effects if isinstance(effect, Request))

    def reserved(self, view: RunAccountView) -> frozenset[Request]:
        """The requests whose slot holds their seq, or has gone past it."""
        return frozenset(request for request in self.requests if _holds(view, request))

    def facts(self, view: RunAccountView) -> ConversationFacts:
        """The facts with what the run said: control, deadline, and which message the budget refused."""
        facts = self.snapshot.facts
        limit = timedelta(seconds=facts.settings.time_limit_seconds + view.paused_seconds)
        refused = {one.seq for one in self.requests if isinstance(one, RequestMessage) and not _holds(view, one)}
        return replace(
            facts,
            wanted=view.control.wanted,
            deadline_at=min(view.due_at, self.snapshot.clock_started_at + limit),
            refused=frozenset(refused),
        )


def result_changes(done: GenerationStored, event_sequence: int) -> tuple[Change, ...]:
    """A result closes its slot, and moves the run's last event to where its fact stands; 0: it has none."""
    settle, judged = _settle(done), done.purpose is Purpose.JUDGE and done.stage is not None
    if not event_sequence or done.stored_at is None:
        return (settle,)
    return (settle, EventRecorded(event_sequence, done.stored_at, 0 if judged else done.seq))


def _settle(done: GenerationStored) -> Settle:
    if done.purpose is Purpose.MEMORY:
        # A chat has no judges: its memory takes their slot.
        return Settle("judge", done.seq)
    if done.purpose is Purpose.JUDGE and done.stage is not None:
        return Settle("judge", judge_place(done.seq, Stage(done.stage)))
    return Settle("turn", done.seq)


def _holds(view: RunAccountView, request: Request) -> bool:
    if isinstance(request, RequestMessage):
        return view.slots.turn >= request.seq
    place = judge_place(request.seq, request.stage) if isinstance(request, RequestJudge) else request.seq
    return view.slots.judge >= place
