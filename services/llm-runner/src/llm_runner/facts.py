"""What a run was asked to do and whose it is: read once a process, for it never changes."""

from dataclasses import dataclass

from shared.contracts.identity import conversation_index
from shared.contracts.settings import ConversationSettings
from shared.contracts.work import GenerationRequested
from shared.errors import UnknownRun
from shared.storage import Store


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A run's tenant, the settings of the job's conversation (None for a run's own generations), the seed.

    One seed for all that is generated of a conversation: a sampler that is seeded is one person throughout.
    """

    tenant: str
    settings: ConversationSettings | None
    seed: int


async def job_facts(store: Store, job: GenerationRequested) -> JobFacts:
    """Raises UnknownRun, StoreUnavailable."""
    assignment = await store.runs.assignment(job.run_id)
    if assignment is None:
        raise UnknownRun(job.run_id)
    tenant, settings = assignment.owner.tenant, assignment.settings
    if job.conversation_id is None:
        return JobFacts(tenant, None, settings.seed)
    conversation = settings.conversation(conversation_index(job.conversation_id))
    return JobFacts(tenant, conversation, conversation.seed)
