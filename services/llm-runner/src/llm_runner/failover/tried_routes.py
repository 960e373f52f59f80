"""What the attempts before this delivery say of the next one at the same route. Pure."""

from collections.abc import Sequence

from llm_runner.attempt_history import BROKEN, LOST, AttemptHistory
from llm_runner.outcomes import REPETITIONS
from llm_runner.providers.families import CONSEQUENCES, PROVIDER_ERROR
from llm_runner.retry_policy import tries_again
from llm_runner.settings import RetrySettings
from shared.contracts.enums import FailureFamily
from shared.contracts.generations import UsageRow
from shared.contracts.transcript import Failure
from shared.contracts.work import GenerationRequested
from shared.reported_failures import INTERNAL
from shared.routing import ModelEntry


def spent_up(
    job: GenerationRequested, history: AttemptHistory, retries: RetrySettings, model: ModelEntry
) -> Failure | None:
    """Why the job's route is not tried again, or None: whoever tried it last may have died before it said so."""
    if history.count(LOST) >= retries.attempts_lost_limit:
        message = f"{history.count(LOST)} attempts were lost to crashes; look for what kills llm-runner"
        return Failure(code=PROVIDER_ERROR, message=message)
    if history.count(BROKEN) > REPETITIONS:
        broken = [row for row in history.rows if row.outcome == BROKEN]
        return _as_told(broken, Failure(code=INTERNAL, message="llm-runner failed by itself too often"))
    failed = history.failed(job.provider, job.model)
    family = failed[-1].family if failed else None
    repeats = CONSEQUENCES[family].repeats if family else None
    if len(failed) > tries_again(repeats, retries.retries(model.tier)):
        return _as_told(failed, Failure(code=PROVIDER_ERROR, message=f"{job.provider} failed too often"))
    return None


def roomier(job: GenerationRequested, history: AttemptHistory, model: ModelEntry) -> GenerationRequested:
    """The job with twice the room for its answer where its model spent all of it before the first word."""
    if any(row.family is FailureFamily.EMPTY for row in history.failed(job.provider, job.model)):
        return job.model_copy(update={"max_tokens": min(2 * job.max_tokens, model.max_output_tokens)})
    return job


def _as_told(rows: Sequence[UsageRow], otherwise: Failure) -> Failure:
    """The failure that the last of these attempts was booked with."""
    reasons = [row.reason for row in rows if row.reason]
    code, _, message = (reasons[-1] if reasons else "").partition(": ")
    return Failure(code=code, message=message, family=rows[-1].family) if message else otherwise
