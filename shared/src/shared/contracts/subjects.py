"""Every subject, stream and durable by name (docs/architecture.md, "Streams and subjects")."""

from typing import Final

from shared.contracts.enums import Lane

WORK: Final = "WORK"
RUN_EVENTS: Final = "RUN_EVENTS"
DEAD_LETTERS: Final = "DLQ"

COMMANDS: Final = "cmd.run"
DONE_ORCHESTRATOR: Final = "llm.done.orchestrator"
DONE_SUMMARIZER: Final = "llm.done.summarizer"
REPORTS: Final = "report.do"
MEMORY: Final = "memory.do"
JOBS: Final = "llm.do.*.*"
LIVE_JOBS: Final = f"llm.do.*.{Lane.LIVE}"
LATER_JOBS: Final = "later.>"

GENERATION_GIVEN_UP: Final = "dlq.generation"
REPORT_GIVEN_UP: Final = "dlq.report"
LOOK_GIVEN_UP: Final = "dlq.look"
GIVEN_UP: Final = "dlq.>"
TERMINATED: Final = "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>"
"""Where the broker itself says that a message was taken off its queue unread."""

BREAKERS: Final = "breaker.changed"
"""Where a runner says that a target is left alone, or is not any more (core NATS only)."""

RUNS: Final = "run.>"
RUNS_LIVE: Final = "ev.>"

ORCHESTRATOR_COMMANDS: Final = "orchestrator-commands"
ORCHESTRATOR_DONE: Final = "orchestrator-done"
SUMMARIZER_REPORTS: Final = "summarizer-reports"
SUMMARIZER_DONE: Final = "summarizer-done"
SUMMARIZER_MEMORY: Final = "summarizer-memory"

WORK_SUBJECTS: Final = (
    COMMANDS,
    JOBS,
    DONE_ORCHESTRATOR,
    DONE_SUMMARIZER,
    REPORTS,
    MEMORY,
    LATER_JOBS,
)
PROBED: Final = (WORK, RUN_EVENTS)
"""Streams that are asked to confirm a message every few seconds; not `DLQ`, whose letters are paged by sequence."""


def probe(stream: str) -> str:
    """Where a stream is asked to confirm a message."""
    return f"probe.{stream}"


def jobs(provider: str, lane: Lane) -> str:
    """Where a provider's jobs of one lane wait."""
    return f"llm.do.{provider}.{lane}"


def lane_durable(provider: str, lane: Lane) -> str:
    """The durable whose `max_ack_pending` is the lane's share of the provider's concurrency."""
    return f"llm-{provider}-{lane}"


def later(generation_key: str) -> str:
    """Where a job waits for the end of a long back-off."""
    return f"later.{generation_key}"


def events(run_id: str) -> str:
    """A run's events: everything but text."""
    return f"run.{run_id}.events"


def text(run_id: str, conversation: str) -> str:
    """A conversation's deltas."""
    return f"run.{run_id}.text.{conversation}"


def everything(run_id: str) -> str:
    """A run's events and texts, as stored."""
    return f"run.{run_id}.>"


def republished(subject: str) -> str:
    """Where a stored event is heard live: `run.X.events` as `ev.X.events`."""
    return "ev." + subject.removeprefix("run.")


def stored(subject: str) -> str:
    """Where what is heard live stands: `ev.X.events` as `run.X.events`."""
    return "run." + subject.removeprefix("ev.")


def control(run_id: str) -> str:
    """The fast path of cancel, pause and stop (core NATS only)."""
    return f"ctl.{run_id}"


def forgotten(run_id: str) -> str:
    """Where a gateway says that a run was deleted: who remembers it forgets it (core NATS only)."""
    return f"forgotten.{run_id}"


def heartbeat(service: str) -> str:
    """Where a process says every few seconds that it lives (core NATS only)."""
    return f"service.{service}.heartbeat"
