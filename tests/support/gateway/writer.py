"""A run as the engine would have written it to the store."""

from datetime import timedelta
from typing import Any

from shared.contracts.enums import EndedReason, JudgementStatus, Purpose, RunStatus, Stage
from shared.contracts.judgement import CriterionJudgement, Judgement
from shared.contracts.reports import Report, Statistics
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Usage
from shared.storage import Store
from support.builders import conversation, ended, generation, message


async def stored_run(store: Store, run_id: str) -> Run:
    """A run that has to be there."""
    run = await store.runs.get(run_id)
    assert run is not None
    return run


class Writer:
    """Writes what the engine would have written of a run."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self._run_id = run_id

    async def begin(self, index: int = 1) -> str:
        """A conversation begins; returns its id."""
        moment = now()
        begun = conversation(await stored_run(self._store, self._run_id), index)
        await self._store.conversations.insert(begun)
        await self._store.runs.start(self._run_id, moment, moment + timedelta(hours=2))
        return begun.id

    async def say(self, conversation: str, seq: int, content: str) -> None:
        """Message `seq`; the opponent has the odd ones."""
        usage = Usage(prompt_tokens=10, completion_tokens=5, cost_nanos=1_000_000)
        await self._store.entries.insert(
            message(
                conversation,
                seq,
                content,
                provider="demo",
                model="demo-fast",
                attempt=f"attempt-{seq}",
                usage=usage,
                latency_ms=12.5,
                ttft_ms=3.5,
                finish_reason="stop",
            )
        )

    async def judge(self, conversation: str, seq: int, quote: str) -> None:
        """A fast judgement of message `seq` that finds the goal met."""
        met = CriterionJudgement(id="goal", status="met", seq=seq, quote=quote)
        judgement = Judgement(
            seq=seq, stage=Stage.FAST, status=JudgementStatus.COMPLETE, confidence=0.95, criteria=(met,)
        )
        stored = generation(conversation, seq, Purpose.JUDGE, Stage.FAST, judgement=judgement)
        await self._store.generations.insert(stored)

    async def end(self, conversation: str, messages: int, reason: EndedReason = EndedReason.GOAL) -> None:
        """The conversation ends and is counted."""
        await self._store.entries.insert(ended(conversation, messages + 1, reason))
        await self._store.conversations.set_totals(
            conversation,
            reason=reason,
            goal_reached=reason is EndedReason.GOAL,
            decided_by=messages,
            messages=messages,
            usage=Usage(cost_nanos=messages * 1_000_000),
            ended_at=now(),
        )
        index = int(conversation.rpartition("-")[2])
        await self._store.runs.count(self._run_id, index, reason is EndedReason.ERROR, None)

    async def report(self, **values: Any) -> None:
        """The run's report is there."""
        stats = Statistics(
            total=1, succeeded=1, unsuccessful=0, errored=0, failed=0, success_rate=1.0, success_interval=(0.2, 1.0)
        )
        report = {
            "run_id": self._run_id,
            "tenant": "default",
            "status": "ready",
            "stats": stats,
            "created_at": now(),
        } | values
        await self._store.reports.insert(Report.model_validate(report))

    async def finish(self, status: RunStatus = RunStatus.COMPLETE) -> None:
        """The run ends."""
        await self._store.runs.finish(self._run_id, status, now(), report_ready=True, usage=Usage())
