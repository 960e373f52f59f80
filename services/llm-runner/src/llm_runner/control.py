"""The fast path of cancel and stop: a core message per run, whose loss the heartbeat makes good."""

from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from llm_runner.clock import Interruption
from llm_runner.held import HeldJobs
from llm_runner.purposes import MESSAGES
from shared.contracts.words import Purpose
from shared.logs import Logger
from shared.messaging import subjects

_CANCEL, _STOP = "cancel", "stop"
_STOPPABLE = MESSAGES - {Purpose.TURN}


class ControlSignals:
    """Hears `ctl.<run_id>` and closes the calls it means."""

    def __init__(self, jobs: HeldJobs, log: Logger) -> None:
        self._jobs = jobs
        self._log = log

    async def start(self, client: Client) -> None:
        await client.subscribe(subjects.control("*"), cb=self.on_signal)

    async def on_signal(self, message: Msg) -> None:
        """`{"wanted": "cancel"|"stop"|..., "conversationId"?}`; other wishes are not a runner's."""
        try:
            signal: dict[str, Any] = orjson.loads(message.data)
            wanted, conversation = signal.get("wanted"), signal.get("conversationId")
        except (orjson.JSONDecodeError, AttributeError):
            self._log.warning("a control signal could not be read", subject=message.subject)
            return
        for held in self._jobs.of_run(message.subject.partition(".")[2]):
            if conversation not in (None, held.job.conversation_id):
                continue
            if wanted == _CANCEL:
                held.interrupt(Interruption.CANCELED)
            elif wanted == _STOP and held.job.purpose in _STOPPABLE:
                held.interrupt(Interruption.STOPPED)
