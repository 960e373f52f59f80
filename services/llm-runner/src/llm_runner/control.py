"""What is wanted of a run, and of one answer: as it stands in the store, and the fast path that says so at once.

The fast path is a core message per run, whose loss the heartbeat makes good.
"""

from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from llm_runner.call_deadline import Interruption
from llm_runner.leased_jobs import LeasedJobs
from shared.contracts import subjects
from shared.contracts.enums import Wanted
from shared.contracts.kinds import ANSWER_PURPOSES
from shared.contracts.runs import Control
from shared.contracts.work import GenerationRequested
from shared.logs import Logger

_CANCEL, _STOP = "cancel", "stop"


def interruption_wanted(job: GenerationRequested, control: Control | None) -> Interruption | None:
    """How a job is to end before its result, by what is wanted of its run; None while it is to go on."""
    if control is None:
        return None
    if control.wanted is Wanted.CANCEL:
        return Interruption.CANCELED
    return Interruption.STOPPED if _is_stopped(job, control.stop_seq) else None


def _is_stopped(job: GenerationRequested, stop_seq: int) -> bool:
    return job.purpose in ANSWER_PURPOSES and job.seq <= stop_seq


class ControlSignals:
    """Hears `ctl.<run_id>` and closes the calls it means."""

    def __init__(self, jobs: LeasedJobs, log: Logger) -> None:
        self._jobs = jobs
        self._log = log

    async def start(self, client: Client) -> None:
        await client.subscribe(subjects.control("*"), cb=self.on_signal)

    async def on_signal(self, message: Msg) -> None:
        """`{"wanted": "cancel"|"stop"|..., "conversationId"?, "seq"?}`; other wishes are not a runner's.

        A stop means the answer at `seq` and those below it, never one that was asked for since.
        """
        try:
            signal: dict[str, Any] = orjson.loads(message.data)
            wanted, conversation, seq = signal.get("wanted"), signal.get("conversationId"), signal.get("seq")
        except (orjson.JSONDecodeError, AttributeError):
            self._log.warning("a control signal could not be read", subject=message.subject)
            return
        for leased in self._jobs.of_run(message.subject.partition(".")[2]):
            if conversation not in (None, leased.job.conversation_id):
                continue
            if wanted == _CANCEL:
                leased.interrupt(Interruption.CANCELED)
            elif wanted == _STOP and isinstance(seq, int) and _is_stopped(leased.job, seq):
                leased.interrupt(Interruption.STOPPED)
