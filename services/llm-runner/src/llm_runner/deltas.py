"""Deltas: each text that is read of an attempt, published as it comes (`providers/read_ticker.py` says how often).

A lost delta is healed by its `message`, so nothing here is confirmed and nothing that fails here fails the call.
"""

from shared.contracts import subjects
from shared.contracts.deltas import DeltaEncoder
from shared.contracts.work import GenerationRequested
from shared.logs import Logger
from shared.messaging.direct import TextSink

LONGEST_DELTA = 64 * 1024
"""Characters; six bytes each at worst, so that the broker takes every delta."""


class DeltaPublisher:
    """Publishes the deltas of every attempt of the process."""

    def __init__(self, sink: TextSink, log: Logger) -> None:
        self._sink = sink
        self._log = log

    def attempt(self, job: GenerationRequested, conversation: str, attempt: str) -> "AttemptDeltas":
        return AttemptDeltas(self, job, conversation, attempt)

    def publish(self, subject: str, payload: bytes) -> bool:
        """False where the broker cannot take it now."""
        if self._sink.send(subject, payload):
            return True
        self._log.warning("deltas lost, their message heals them", subject=subject)
        return False


class AttemptDeltas:
    """One attempt's text on its way; `i` counts its deltas from 0."""

    def __init__(self, publisher: DeltaPublisher, job: GenerationRequested, conversation: str, attempt: str) -> None:
        self._publisher = publisher
        self._subject = subjects.text(job.run_id, conversation)
        self._encoder = DeltaEncoder(job.run_id, conversation, job.seq, job.purpose, attempt)
        self._next = 0
        self._open = True

    def add(self, text: str) -> None:
        """Publishes the text; a gap among numbers would be waited for, so nothing follows one that was lost."""
        if len(text) > LONGEST_DELTA:
            for begin in range(0, len(text), LONGEST_DELTA):
                self.add(text[begin : begin + LONGEST_DELTA])
            return
        if not self._open:
            return
        number, self._next = self._next, self._next + 1
        self._open = self._publisher.publish(self._subject, self._encoder.encode(number, text))
