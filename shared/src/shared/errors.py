"""The three families of errors, and how each is settled.

AgentWarsError
├── TransientError          try again later: naks with a delay (`retry_after`)
│   ├── StoreUnavailable    MongoDB does not answer
│   ├── BrokerUnavailable   NATS does not answer
│   └── NotYet              what must stand first is not readable yet
├── PermanentError          will never succeed: dead letter, acknowledged
│   └── NotStorable         what neither store nor broker can ever hold
└── StaleMessage            somebody did it already: acknowledged
Taken                       an insert met a taken key: it has lost, and reads what stands there
"""

from datetime import timedelta


class AgentWarsError(Exception):
    """Everything this product raises on purpose."""


class TransientError(AgentWarsError):
    """May succeed later: redelivered after `retry_after`."""

    def __init__(self, message: str, retry_after: timedelta = timedelta(seconds=1)) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StoreUnavailable(TransientError):
    """MongoDB did not do what was asked within its time. `reason` holds no word of a document."""

    def __init__(self, cause: BaseException, reason: str | None = None) -> None:
        super().__init__(f"the store did not answer ({type(cause).__name__}): {cause if reason is None else reason}")


class BrokerUnavailable(TransientError):
    """NATS did not confirm within its time."""

    def __init__(self, what: str, cause: BaseException) -> None:
        super().__init__(f"the broker did not confirm {what} ({type(cause).__name__}): {cause}")


class NotYet(TransientError):
    """What must stand first is not readable yet; a short wait mends it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"not yet: {what}", timedelta(milliseconds=200))


class PermanentError(AgentWarsError):
    """Repeating it changes nothing."""


class UnknownRun(PermanentError):
    """A message names a run the store does not hold."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"run {run_id} is not in the store")
        self.run_id = run_id


class NotStorable(PermanentError):
    """A value that the store or the broker can never hold: too large, nested too deeply, or not to be encoded.

    `what` says what it is, without its content; `bound_bytes` what would be taken, where its size is the reason.
    """

    def __init__(self, what: str, bound_bytes: int | None = None) -> None:
        bound = "" if bound_bytes is None else f": at most {bound_bytes} bytes are taken"
        super().__init__(f"cannot be stored: {what}{bound}")
        self.bound_bytes = bound_bytes


class StaleMessage(AgentWarsError):
    """What the message asks for is done already."""


class Taken(AgentWarsError):
    """An insert met a taken key: it has lost (docs/protocol.md section 1)."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} is taken")
        self.key = key
