"""Writes docs/asyncapi.json: every subject, what stands on it and who handles it, as FastStream describes them.

What is handled comes from the services' triggers, what is published from the contracts; nothing is said here that the
code does not say, but what the few messages without a contract are. With --check it only says whether it is up to date.
"""

import json
import sys
from functools import reduce
from inspect import getdoc
from operator import or_
from pathlib import Path
from typing import Any

from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI

from llm_runner.job_settlement import JOBS
from orchestrator.handlers import TRIGGERS as LOOKS
from shared.contracts import events, subjects
from shared.contracts.deltas import Delta
from shared.contracts.events import RunEvent
from shared.contracts.work import DeadLetter, GenerationRequested, LookGivenUp, ReportGivenUp
from shared.messaging.delivery_counts import DeliveryCounts
from shared.messaging.subscriptions import TypedSubscription
from summarizer.handlers import TRIGGERS as REPORTS

PAGE = Path(__file__).parent / "asyncapi.json"
ABOUT = (
    "What Agent Wars says on NATS (docs/architecture.md, docs/protocol.md). What is received waits in the stream WORK "
    "and may come more than once; `*` and `>` are NATS's wildcards. Fields only grow; unknown ones are ignored."
)
RUN_EVENTS: tuple[type[RunEvent], ...] = tuple(
    one for one in vars(events).values() if isinstance(one, type) and issubclass(one, RunEvent) and one is not RunEvent
)
Object = dict[str, Any]
NOBODY = object()
"""Has no handlers: they are described, not called."""
PUBLISHED: tuple[tuple[str, Any, str], ...] = (
    (subjects.events("*"), reduce(or_, RUN_EVENTS), "Everything a run did but its text, in order"),
    (subjects.text("*", "*"), Delta, "A conversation's text as it is written; lost deltas are healed by their message"),
    (subjects.republished(subjects.events("*")), reduce(or_, RUN_EVENTS), "The same, live"),
    (subjects.republished(subjects.text("*", "*")), Delta, "The same, live"),
    (subjects.LATER_JOBS, GenerationRequested, "A job that waits for the end of a long back-off"),
    *((letter.subject, letter, getdoc(letter) or "") for letter in (DeadLetter, ReportGivenUp, LookGivenUp)),
    (subjects.TERMINATED, Object, "The broker's own: a message that was taken off its queue unread"),
    *((subjects.probe(stream), None, f"Whether {stream} confirms a message") for stream in subjects.PROBED),
    (subjects.control("*"), Object, "`wanted` of a run (cancel, pause, stop), with `conversationId` and `seq` for one"),
    (subjects.forgotten("*"), None, "A run was deleted: who remembers it forgets it"),
    (subjects.heartbeat("*"), Object, "A process lives: `service`, `pid`, `at`; llm-runner's `providers` beside it"),
)


def document() -> dict[str, Any]:
    """The whole document."""
    broker = NatsBroker(specification_url="nats://localhost:4222", logger=None)
    # Kept until all is described: a broker forgets subscribers that nobody else has.
    subscriptions = [
        TypedSubscription(broker, trigger.durable, trigger.subject, trigger.handler(NOBODY), DeliveryCounts())
        for trigger in (*LOOKS, *REPORTS, JOBS)
    ]
    for subject, schema, about in PUBLISHED:
        broker.publisher(subject, schema=schema, description=about, title=f"{subject}:published")
    specification = AsyncAPI(broker, title="Agent Wars", version="0.1.0", description=ABOUT)
    described: dict[str, Any] = specification.to_specification().to_jsonable()
    subscriptions.clear()
    return described


def main() -> int:
    text = json.dumps(document(), indent=1, sort_keys=True) + "\n"
    if "--check" not in sys.argv:
        PAGE.write_text(text)
        return 0
    if PAGE.read_text() == text:
        return 0
    sys.stderr.write("not up to date: asyncapi.json; run python docs/asyncapi.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
