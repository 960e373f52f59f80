"""The words of the product, as values: use these and no others."""

from enum import StrEnum
from typing import Final


class RunKind(StrEnum):
    """What was asked for."""

    BATTLE = "battle"
    SCALE = "scale"
    COMPARISON = "comparison"
    CHAT = "chat"
    ASSIST = "assist"


class RunStatus(StrEnum):
    """Where a run stands (docs/api.md)."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    CANCELING = "canceling"
    CANCELED = "canceled"
    COMPLETE = "complete"
    FAILED = "failed"


TERMINAL: Final = frozenset({RunStatus.CANCELED, RunStatus.COMPLETE, RunStatus.FAILED})


class Wanted(StrEnum):
    """What the caller wants of a run; a wanted cancel is never changed again."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


class Purpose(StrEnum):
    """What a generation is for."""

    TURN = "turn"
    JUDGE = "judge"
    CRITERIA = "criteria"
    REPORT = "report"
    ASSIST = "assist"
    CHAT = "chat"
    MEMORY = "memory"


class Lane(StrEnum):
    """`live` for a person who waits, `batch` for scale tests: the second never makes the first wait."""

    LIVE = "live"
    BATCH = "batch"


class Side(StrEnum):
    """Who speaks in a conversation."""

    OPPONENT = "opponent"
    AGENT = "agent"

    @property
    def other(self) -> "Side":
        return Side.AGENT if self is Side.OPPONENT else Side.OPPONENT


class Stage(StrEnum):
    """Which judge was asked; a repair is asked once after an answer that did not parse."""

    FAST = "fast"
    FAST_REPAIR = "fast-repair"
    STRONG = "strong"
    STRONG_REPAIR = "strong-repair"


class Role(StrEnum):
    """For whom a run has a model."""

    AGENT = "agent"
    OPPONENT = "opponent"
    JUDGE = "judge"
    REPORT = "report"


class EndedReason(StrEnum):
    """Why a conversation ended."""

    GOAL = "goal"
    LIMIT = "limit"
    BUDGET = "budget"
    TIMEOUT = "timeout"
    REFUSAL = "refusal"
    REPETITION = "repetition"
    CANCELED = "canceled"
    ERROR = "error"


class EntryKind(StrEnum):
    """One line of a transcript."""

    MESSAGE = "message"
    ENDED = "ended"
    REWIND = "rewind"


class SpendingKey(StrEnum):
    """What calls are grouped by when their cost is summed."""

    DAY = "day"
    MODEL = "model"
    RUN = "run"
    USER = "user"


class Tier(StrEnum):
    """How capable, and how dear, a model is."""

    FAST = "fast"
    STANDARD = "standard"
    PREMIUM = "premium"


class Fallback(StrEnum):
    """Where a generation may go when its provider fails: nowhere, to the same model elsewhere, or to another model."""

    NONE = "none"
    HOST = "host"
    MODEL = "model"


class JudgementStatus(StrEnum):
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"


class FailureTag(StrEnum):
    """The fixed vocabulary of failure modes in a report."""

    MISSING_INFORMATION = "missing_information"
    NO_CONFIRMATION = "no_confirmation"
    WRONG_ANSWER = "wrong_answer"
    IGNORED_REQUEST = "ignored_request"
    OFF_TOPIC = "off_topic"
    REFUSED = "refused"
    REPEATED = "repeated"
    GAVE_UP = "gave_up"
    TONE = "tone"
    OTHER = "other"


class FinishReason(StrEnum):
    """How an answer ended, whatever its provider calls it; `stopped` and `error` are ours alone."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool-calls"
    CONTENT_FILTER = "content-filter"
    REFUSAL = "refusal"
    UNKNOWN = "unknown"
    STOPPED = "stopped"
    ERROR = "error"


class FailureFamily(StrEnum):
    """What kind of fault ended a call; what follows is decided by it alone."""

    AUTH = "auth"
    BILLING = "billing"
    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CUT = "cut"
    PROTOCOL = "protocol"
    EMPTY = "empty"
    CONTEXT_LENGTH = "context_length"
    CONTENT_POLICY = "content_policy"
    UNSUPPORTED_PARAMETER = "unsupported_parameter"
    MODEL_NOT_FOUND = "model_not_found"
    BAD_REQUEST = "bad_request"
