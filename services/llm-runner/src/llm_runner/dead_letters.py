"""Dead letters of llm-runner: what was given up, why, and what had been paid for, as much as the broker takes. Pure."""

from shared.contracts.bounds import LARGEST_PAYLOAD_BYTES, json_bytes
from shared.contracts.model import TEXT_LENGTH
from shared.contracts.timestamps import now
from shared.contracts.transcript import Failure
from shared.contracts.work import DeadLetter, GenerationRequested

FIELD_NAMES_BYTES = 64


def dead_letter_of(
    job: GenerationRequested, failure: Failure, trace: str | None = None, answer: str | None = None
) -> DeadLetter:
    """The letter of a job; traceback and answer as far as there is room for them."""
    bare = DeadLetter(run_id=job.run_id, at=now(), key=job.key, failure=failure, job=job)
    if not (trace or answer):
        return bare
    room = LARGEST_PAYLOAD_BYTES - len(bare.to_json()) - FIELD_NAMES_BYTES
    trace = _fitting((trace or "")[:TEXT_LENGTH], room)
    answer = _fitting(answer or "", room - (json_bytes(trace) if trace else 0))
    return bare.model_copy(update={"traceback": trace or None, "answer": answer or None})


def _fitting(text: str, room: int) -> str:
    """As much of a text as takes no more than `room` bytes in JSON."""
    while text and (takes := json_bytes(text)) > room:
        text = text[: max(0, min(len(text) - 1, len(text) * max(room, 0) // takes))]
    return text
