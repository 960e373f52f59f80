"""What a run reserves for a generation that goes on to a dearer model (docs/protocol.md section 8)."""

from llm_runner.job_context import JobContext
from shared.contracts.enums import Purpose, Stage
from shared.contracts.identity import conversation_index
from shared.contracts.work import GenerationRequested
from shared.routing import Route
from shared.routing.estimates import reserved_nanos
from shared.routing.text_tokens import text_tokens
from shared.storage import Store
from shared.storage.accounts import Reserve, Slot, judge_place

PROMPT_FRAME_TOKENS = 150


class Reservations:
    """Raises what a job's slot holds, before the job goes on."""

    def __init__(self, store: Store, reserved_output_tokens: int) -> None:
        self._store = store
        self._reserved_output_tokens = reserved_output_tokens

    async def raised(self, context: JobContext, route: Route) -> bool:
        """Whether the run's budget holds what the job may cost there; a run's own generations have no slot."""
        job = context.job
        if job.conversation_id is None:
            return True
        prompt = PROMPT_FRAME_TOKENS + sum(text_tokens(entry.content or "") for entry in context.entries)
        nanos = reserved_nanos(route, job.max_tokens, prompt, self._reserved_output_tokens)
        reserve = Reserve(*_slot(job), nanos)
        return await self._store.runs.raise_reservation(job.run_id, conversation_index(job.conversation_id), reserve)


def _slot(job: GenerationRequested) -> tuple[Slot, int]:
    """The slot that holds a job, and its place there."""
    if job.purpose is Purpose.JUDGE and job.stage is not None:
        return "judge", judge_place(job.seq, Stage(job.stage))
    # A chat has no judges: its memory takes their slot.
    return ("judge" if job.purpose is Purpose.MEMORY else "turn"), job.seq
