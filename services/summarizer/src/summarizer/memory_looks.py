"""A look at a chat that has grown: its summary is asked for, once, or it is said for good that there will be none.

memory.do ─▶ read ─┬▶ job, whose done is the orchestrator's
                   └▶ final failure ─▶ done
"""

import asyncio

from shared.contracts import subjects
from shared.contracts.enums import Purpose
from shared.contracts.generations import Generation
from shared.contracts.identity import conversation_index, generation_key
from shared.contracts.settings import Participant
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, Failure
from shared.contracts.work import GenerationRequested, GenerationStored, MemoryRequested
from shared.errors import NotYet, StaleMessage, Taken
from shared.logs import Logger
from shared.messaging.publisher import Publisher
from shared.routing import Router, UnknownModel
from shared.storage import Store
from summarizer.memory import MemoryMaterial, memory_material, memory_prompt
from summarizer.prompts import fitted

TEMPERATURE = 0.2
INVALID_MODEL = "invalid_model"


class MemoryLooks:
    """Looks at the summaries of chats. Repeating a look repeats nothing that anybody sees."""

    def __init__(self, store: Store, publisher: Publisher, router: Router, max_tokens: int, log: Logger) -> None:
        self._store = store
        self._publisher = publisher
        self._router = router
        self._max_tokens = max_tokens
        self._log = log

    async def look(self, request: MemoryRequested) -> None:
        """Asks for the summary. Raises StaleMessage where the chat is forgotten, NotYet where it is not readable."""
        settings, entries, memories = await asyncio.gather(
            self._store.runs.settings(request.run_id),
            self._store.entries.transcript(request.conversation_id),
            self._store.generations.of_conversation(request.conversation_id),
        )
        if settings is None:
            raise StaleMessage(f"{request.conversation_id} is forgotten")
        stands = next((one for one in memories if one.id == _key(request)), None)
        if stands is not None:
            return await self._say_done(stands)
        _check_whole(entries, request)
        agent = settings.conversation(conversation_index(request.conversation_id)).agent
        job = self._job(request, memory_material(entries, memories, request.seq), agent)
        if isinstance(job, Failure):
            return await self.give_up(request, job)
        await self._publisher.work(job)
        self._log.info("summary asked for", conversation_id=request.conversation_id, up_to=request.seq)
        return None

    async def give_up(self, request: MemoryRequested, failure: Failure) -> None:
        """There will be no summary up to this message: stored, so that what is reserved for it is set free."""
        assignment = await self._store.runs.assignment(request.run_id)
        if assignment is None:
            raise StaleMessage(f"{request.conversation_id} is forgotten")
        failed = Generation(
            id=_key(request),
            run_id=request.run_id,
            tenant=assignment.owner.tenant,
            conversation_id=request.conversation_id,
            seq=request.seq,
            purpose=Purpose.MEMORY,
            created_at=now(),
            failure=failure,
        )
        try:
            await self._store.generations.insert(failed)
        except Taken:
            failed = await self._store.generations.get(failed.id) or failed
        self._log.info("chat not summed up", conversation_id=request.conversation_id, reason=failure.message)
        await self._say_done(failed)

    def _job(
        self, request: MemoryRequested, found: MemoryMaterial | Failure, agent: Participant
    ) -> GenerationRequested | Failure:
        """The job, or why there is none: nothing is to be summed up, or no model can do it (any more)."""
        if isinstance(found, Failure):
            return found
        try:
            route = self._router.fast_beside(agent.pinned)[0]
        except UnknownModel as error:
            return Failure(code=INVALID_MODEL, message=str(error))
        most = min(self._max_tokens, route.entry.max_output_tokens)
        prompt = memory_prompt(found, route.entry.context_window, most)
        return GenerationRequested(
            run_id=request.run_id,
            at=now(),
            conversation_id=request.conversation_id,
            seq=request.seq,
            purpose=Purpose.MEMORY,
            provider=route.provider,
            model=route.model,
            fallback=agent.fallback,
            # Nothing says whether it is the first request of its kind: a sweeper's is named the same.
            repeat=True,
            first_job_at=request.first_job_at,
            done_subject=subjects.DONE_ORCHESTRATOR,
            prompt=fitted(prompt.messages),
            temperature=TEMPERATURE,
            max_tokens=prompt.max_tokens,
        )

    async def _say_done(self, stored: Generation) -> None:
        """Says that a result stands, as its writer does, who may have died before."""
        done = GenerationStored(
            run_id=stored.run_id,
            at=now(),
            conversation_id=stored.conversation_id,
            seq=stored.seq,
            purpose=stored.purpose,
            stored_at=stored.created_at,
            failure=stored.failure,
        )
        await self._publisher.done(done, subjects.DONE_ORCHESTRATOR)


def _key(request: MemoryRequested) -> str:
    return generation_key(request.conversation_id, request.seq, Purpose.MEMORY)


def _check_whole(entries: list[Entry], request: MemoryRequested) -> None:
    """Raises NotYet where an entry up to the one that is to be summed up is missing."""
    seen = [entry.seq for entry in entries if entry.seq <= request.seq]
    if seen != list(range(1, request.seq + 1)):
        raise NotYet(f"message {request.seq} of {request.conversation_id}")
