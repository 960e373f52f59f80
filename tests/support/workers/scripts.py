"""What the scripted model says: small talk, with a verdict, a failure or a wait where a test wants one."""

import asyncio

from shared.contracts.enums import EndedReason, JudgementStatus, Purpose
from shared.contracts.transcript import Failure
from shared.contracts.work import GenerationRequested
from support.workers.scripted_runner import Answer, Script, small_talk

FAILURE = Failure(code="provider_error", message="the provider answered 500")


def judged(statuses: dict[tuple[int, str], JudgementStatus | None]) -> Script:
    """Judges answer by (seq, stage), `incomplete` where nothing is said; None is an answer that does not parse."""

    async def script(job: GenerationRequested) -> Answer:
        if job.purpose is not Purpose.JUDGE:
            return await small_talk(job)
        return Answer("{}", status=statuses.get((job.seq, str(job.stage)), JudgementStatus.INCOMPLETE))

    return script


def failing_at(seq: int) -> Script:
    """Message `seq` fails for good."""

    async def script(job: GenerationRequested) -> Answer:
        return Answer(failure=FAILURE) if job.seq == seq else await small_talk(job)

    return script


def found_at(seq: int, finding: EndedReason) -> Script:
    """Code finds a refusal or a repetition in message `seq`."""

    async def script(job: GenerationRequested) -> Answer:
        spoken = await small_talk(job)
        return Answer(spoken.text, finding=finding if job.seq == seq else None)

    return script


class Held:
    """Message `seq` is under way, from `reached` on, until `released` is set."""

    def __init__(self, seq: int) -> None:
        self._seq = seq
        self.reached = asyncio.Event()
        self.released = asyncio.Event()

    async def __call__(self, job: GenerationRequested) -> Answer:
        if job.seq == self._seq:
            self.reached.set()
            await self.released.wait()
        return await small_talk(job)
