"""The work messages: every one means "look here", and may be delivered again (docs/protocol.md section 2)."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from shared.contracts import subjects
from shared.contracts.enums import EndedReason, Fallback, Lane, Purpose, Side
from shared.contracts.identity import generation_key
from shared.contracts.judgement import Judgement
from shared.contracts.kinds import LANE_OF
from shared.contracts.model import Contract, Message, ShownText, Word, absent
from shared.contracts.routes import RouteWish
from shared.contracts.timestamps import Timestamp
from shared.contracts.transcript import Entry, Failure, Usage

PAYLOAD_LENGTH: Final = 100_000


class RunCommanded(Message):
    """Look at a run, or at the one conversation it names.

    `version` is the control version it announces. `sweep` is the sweeper's time bucket: its looks are
    deduplicated among orchestrators, never against a gateway's command.

    A chat's command names `message_seq`: the entry (a message or a rewind) that makes an answer owed at the next seq.
    With `stored_at` (when that entry was made) it proves that the entry stands, that no answer to it does yet, and
    that the facts of every message below it are out, so that its look needs no read. Whoever publishes it has made
    sure of that: the fact of an answer whose done no look has handled yet (`Run.current_turn` below its seq) is
    published first, for its writer may have died. `question` is the message itself, where it is nothing but text:
    its fact is published by whoever takes the job for its answer. Any other message's fact is out before the command.
    """

    subject: ClassVar = subjects.COMMANDS
    type: Literal["run.commanded"] = "run.commanded"
    conversation_id: str | None = None
    version: int = 0
    message_seq: int | None = None
    stored_at: Timestamp | None = None
    question: Entry | None = None
    sweep: int | None = None

    @property
    def message_id(self) -> str:
        about = self.conversation_id or self.run_id
        if self.sweep is not None:
            return f"{about}:sweep:{self.sweep}"
        if self.message_seq is not None:
            return f"{about}:{self.message_seq}:cmd"
        return f"{self.run_id}:cmd:{self.version}"


class MemoryRequested(Message):
    """A chat has grown beyond what its model is shown: messages 1..seq are to be folded into its summary."""

    subject: ClassVar = subjects.MEMORY
    type: Literal["memory.requested"] = "memory.requested"
    conversation_id: str
    seq: int
    first_job_at: Timestamp

    @property
    def message_id(self) -> str:
        return f"{self.conversation_id}:{self.seq}:memory:do"


class PromptMessage(Contract):
    """One message of a prompt that no transcript gives."""

    role: Literal["system", "user", "assistant"]
    content: str


class GenerationRequested(Message):
    """A job: one generation is owed.

    `first_job_at` is when its cause happened, the same for every repetition: attempts are looked for from there.
    `conversation_started_at` is its clock's start (the run's pauses before it taken off). `repeat` says that the look
    behind it was not a first-delivered one, `hop` how often it went on to the next route of its chain, `fallback` how
    far that leads, `asked` the chain's first route, where the job is not on it any more, `substituted` whether what it
    is on is another model than that, and `replay` how often its dead letter was replayed (before there was such a
    counter, replays counted as hops). `question` is the entry that an answer is owed to, where the look's command
    brought it: whoever takes the job publishes its fact before anything of the answer, and, where it knows what stands
    below, need not read. `prompt` is given for a generation no transcript gives (report, memory); a turn, a judge and
    an answer are prompted from the transcript.
    """

    type: Literal["generation.requested"] = "generation.requested"
    conversation_id: str | None = None
    seq: int = 0
    purpose: Purpose
    stage: str | None = None
    pass_number: int = 0
    side: Side | None = None
    provider: str
    model: str
    hop: int = 0
    replay: int = 0
    fallback: Fallback = Fallback.NONE
    asked: RouteWish | None = None
    substituted: bool = Field(default=False, exclude_if=absent)
    repeat: bool = False
    first_job_at: Timestamp
    conversation_started_at: Timestamp | None = None
    done_subject: str = subjects.DONE_ORCHESTRATOR
    question: Entry | None = None
    prompt: tuple[PromptMessage, ...] = ()
    temperature: float = 0.7
    max_tokens: int = 2000
    json_answer: bool = False

    @property
    def key(self) -> str:
        """The generation key: one result for ever stands under it."""
        return generation_key(self.conversation_id or self.run_id, self.seq, self.purpose, self.stage, self.pass_number)

    @property
    def wish(self) -> RouteWish:
        """The first route of its chain."""
        return self.asked or RouteWish(provider=self.provider, model=self.model)

    @property
    def renewed(self) -> bool:
        """Whether it says of itself that a job like it may have been worked on before."""
        return self.repeat or self.hop > 0 or self.replay > 0

    @property
    def lane(self) -> Lane:
        return LANE_OF[self.purpose]

    @property
    def subject(self) -> str:
        return subjects.jobs(self.provider, self.lane)

    @property
    def message_id(self) -> str:
        hop = f":{self.hop}" if self.hop else ""
        replay = f":r{self.replay}" if self.replay else ""
        return f"{self.key}:job{hop}{replay}"


class GenerationStored(Message):
    """Done: the result of a generation, or its final failure, is stored.

    What it proves travels with it, so that the common look needs no read: `transcript_usage` is the sum over
    messages 1..seq, `event_sequence` where its `message` event stands, `first` that job and call were the
    generation's first (nothing else was spent on it), `found` that the result stood when its job came (so it may have
    been told, and looked at, before), `context_tokens` what prompt and answer took together, `substituted` whether any
    message up to it, or it, is another model's than was asked for.
    """

    type: Literal["generation.stored"] = "generation.stored"
    conversation_id: str | None = None
    seq: int = 0
    purpose: Purpose
    stage: str | None = None
    pass_number: int = 0
    side: Side | None = None
    first: bool = False
    found: bool = False
    stored_at: Timestamp | None = None
    conversation_started_at: Timestamp | None = None
    transcript_usage: Usage | None = None
    context_tokens: int = 0
    finding: EndedReason | None = None
    substituted: bool = Field(default=False, exclude_if=absent)
    judgement: Judgement | None = None
    failure: Failure | None = None
    event_sequence: int = 0

    @property
    def key(self) -> str:
        return generation_key(self.conversation_id or self.run_id, self.seq, self.purpose, self.stage, self.pass_number)

    @property
    def message_id(self) -> str:
        return f"{self.key}:done"


class UsageAppeared(Message):
    """A late usage row was stored after its conversation's totals were taken, or its run's (section 8)."""

    subject: ClassVar = subjects.DONE_ORCHESTRATOR
    type: Literal["usage.appeared"] = "usage.appeared"
    conversation_id: str | None = None
    attempt: str
    estimated: bool = False

    @property
    def message_id(self) -> str:
        # A zombie's real figures that replace an estimate are another row, not the same one said again.
        return f"{self.attempt}:usage:estimated" if self.estimated else f"{self.attempt}:usage"


class ReportRequested(Message):
    """Every conversation of a run has ended: its report is owed."""

    subject: ClassVar = subjects.REPORTS
    type: Literal["report.requested"] = "report.requested"

    @property
    def message_id(self) -> str:
        return f"{self.run_id}:report:do"


class DeadLetter(Message):
    """A job that was given up, with the reason; `job` is what can be replayed.

    Where our own code failed, `traceback` says where, and `answer` keeps what had been paid for: as much of both as the
    broker takes.
    """

    subject: ClassVar = subjects.GENERATION_GIVEN_UP
    type: Literal["generation.given-up"] = "generation.given-up"
    key: str
    failure: Failure
    job: GenerationRequested
    traceback: str | None = None
    answer: str | None = None

    @property
    def message_id(self) -> str:
        return f"{self.key}:dead"


class TriggerGivenUp(Message):
    """A trigger that was given up: why, where our own code failed, and `payload` as it stood on `trigger`.

    A payload nobody of ours wrote may be long: its beginning is kept. What a person said stands in the transcript.
    """

    conversation_id: str | None = None
    failure: Failure
    traceback: ShownText | None = None
    trigger: Word
    payload: Annotated[str, AfterValidator(lambda payload: payload[:PAYLOAD_LENGTH])]
    sequence: int

    @property
    def message_id(self) -> str:
        return f"{self.trigger}:{self.sequence}:dead"


class ReportGivenUp(TriggerGivenUp):
    """Of the summarizer: a report, or a chat's summary."""

    subject: ClassVar = subjects.REPORT_GIVEN_UP
    type: Literal["report.given-up"] = "report.given-up"


class LookGivenUp(TriggerGivenUp):
    """Of the orchestrator: a look at a run or at a conversation."""

    subject: ClassVar = subjects.LOOK_GIVEN_UP
    type: Literal["look.given-up"] = "look.given-up"
