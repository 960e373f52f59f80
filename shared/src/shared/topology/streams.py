"""Every stream and durable, in tables (docs/architecture.md, "Streams and subjects")."""

from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RePublish,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from shared.contracts import subjects
from shared.contracts.enums import Lane
from shared.routing import Registry
from shared.settings import NatsSettings

DUPLICATE_WINDOW_SECONDS = 15 * 60
DEAD_LETTERS_MAX_AGE_SECONDS = 30 * 24 * 3600
ACK_WAIT_SECONDS = 15.0
LIVE_ACK_WAIT_SECONDS = 5.0
HANDLERS_IN_FLIGHT = 512
PULLS_WAITING = 2048


def streams(settings: NatsSettings) -> list[StreamConfig]:
    """What each stream holds, and for how long."""
    return [
        StreamConfig(
            name=subjects.WORK,
            description="Work that is owed: one durable a trigger, gone when acknowledged",
            subjects=[*subjects.WORK_SUBJECTS, subjects.probe(subjects.WORK)],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            duplicate_window=DUPLICATE_WINDOW_SECONDS,
            max_age=0,
            allow_direct=True,
            allow_msg_schedules=True,
            allow_rollup_hdrs=True,
            num_replicas=settings.nats_replicas,
            max_consumers=5000,
        ),
        StreamConfig(
            name=subjects.RUN_EVENTS,
            description="What every run did, in order; heard live on ev.>",
            subjects=[subjects.events("*"), subjects.text("*", "*"), subjects.probe(subjects.RUN_EVENTS)],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_age=settings.events_max_age_hours * 3600,
            max_bytes=settings.events_max_bytes,
            duplicate_window=DUPLICATE_WINDOW_SECONDS,
            allow_direct=True,
            allow_rollup_hdrs=True,
            republish=RePublish(src=subjects.RUNS, dest=subjects.RUNS_LIVE),
            num_replicas=settings.nats_replicas,
        ),
        StreamConfig(
            name=subjects.DEAD_LETTERS,
            description="Work that was given up, with the reason",
            subjects=[subjects.GIVEN_UP, subjects.TERMINATED],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            max_age=DEAD_LETTERS_MAX_AGE_SECONDS,
            duplicate_window=DUPLICATE_WINDOW_SECONDS,
            allow_direct=True,
            num_replicas=settings.nats_replicas,
        ),
    ]


def ack_wait(lane: Lane) -> float:
    """Seconds after which a silent runner's job is somebody else's."""
    return LIVE_ACK_WAIT_SECONDS if lane is Lane.LIVE else ACK_WAIT_SECONDS


def _durable(name: str, subject: str, description: str, ack_wait: float, max_ack_pending: int) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=name,
        description=description,
        filter_subject=subject,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ack_wait,
        max_deliver=-1,
        max_ack_pending=max_ack_pending,
        max_waiting=PULLS_WAITING,
    )


def durables(registry: Registry) -> list[ConsumerConfig]:
    """One durable a trigger, and one a lane of each provider, whose share of the concurrency it holds."""
    triggers = [
        (subjects.ORCHESTRATOR_COMMANDS, subjects.COMMANDS, "runs and conversations to look at"),
        (subjects.ORCHESTRATOR_DONE, subjects.DONE_ORCHESTRATOR, "results to act on"),
        (subjects.SUMMARIZER_REPORTS, subjects.REPORTS, "reports to write"),
        (subjects.SUMMARIZER_DONE, subjects.DONE_SUMMARIZER, "results for reports"),
        (subjects.SUMMARIZER_MEMORY, subjects.MEMORY, "chats to sum up"),
    ]
    found = [_durable(name, subject, about, ACK_WAIT_SECONDS, HANDLERS_IN_FLIGHT) for name, subject, about in triggers]
    lanes = [
        _durable(
            subjects.lane_durable(name, lane),
            subjects.jobs(name, lane),
            f"{lane} calls to {name}; max_ack_pending is its share of the concurrency",
            ack_wait(lane),
            provider.lane_limit(lane),
        )
        for name, provider in registry.providers.items()
        for lane in Lane
    ]
    return found + lanes
