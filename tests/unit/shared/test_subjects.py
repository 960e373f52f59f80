"""Subjects stand once, in the contracts; what is published has a stream, and what is waited for is published."""

import ast
import re
from pathlib import Path

import pytest

from shared.contracts import subjects, work
from shared.contracts.enums import Lane, Purpose
from shared.contracts.work import GenerationRequested
from shared.routing import Registry
from shared.settings import NatsSettings
from shared.topology.streams import durables, streams
from unit.shared.test_message_sizes import JOB, contracts

ROOT = Path(__file__).parents[3]
PRODUCTS = [*sorted((ROOT / "services").glob("*/src")), ROOT / "shared/src"]
LITERAL = re.compile(r"(cmd|dlq|ev|ctl|later|probe|forgotten|llm\.do|llm\.done|service)\.|(report|memory)\.do$|run\.$")
PROVIDERS = ("demo", "other")
DONES = {subjects.DONE_ORCHESTRATOR, subjects.DONE_SUMMARIZER}
EVENTS = {subjects.events("r"), subjects.text("r", "r-1")}
BY_THE_BROKER = {"$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.WORK.orchestrator-done"}


def registry() -> Registry:
    model = {"models": {"m": {"contextWindow": 1000, "inputUsdPerMillion": 0, "outputUsdPerMillion": 0}}}
    return Registry.model_validate(
        {"providers": {name: {"baseUrl": "http://here", "concurrency": 4} | model for name in PROVIDERS}}
    )


def jobs() -> set[str]:
    """Where jobs of every purpose wait."""
    made = [JOB.model_copy(update={"provider": name, "purpose": one}) for name in PROVIDERS for one in Purpose]
    return {one.subject for one in made}


def of_contracts() -> set[str]:
    """The subjects that work messages have by themselves."""
    named = {getattr(one, "subject", None) for one in contracts() if one.__module__ == work.__name__}
    return {one for one in named if isinstance(one, str)}


def published() -> set[str]:
    """Everything that is published to a stream, each subject in an example."""
    probes = {subjects.probe(stream) for stream in subjects.PROBED}
    return of_contracts() | jobs() | DONES | EVENTS | probes | {subjects.later("r-1:2:turn"), *BY_THE_BROKER}


def takes(pattern: str, subject: str) -> bool:
    """Whether a subject matches a pattern, as nats-server sees it."""
    parts, named = pattern.split("."), subject.split(".")
    if parts[-1] == ">":
        return len(named) >= len(parts) and takes(".".join(parts[:-1]), ".".join(named[: len(parts) - 1]))
    return len(parts) == len(named) and all(part in ("*", name) for part, name in zip(parts, named, strict=True))


def stream_subjects() -> list[tuple[str, str]]:
    return [(str(one.name), pattern) for one in streams(NatsSettings()) for pattern in one.subjects or []]


def test_every_message_has_a_subject() -> None:
    without = {one for one in contracts() if one.__module__ == work.__name__ and not hasattr(one, "subject")}

    assert without == {work.GenerationStored}  # which is sent where its job says
    assert JOB.done_subject in DONES
    assert isinstance(GenerationRequested.subject, property)


@pytest.mark.parametrize("subject", sorted(published()))
def test_what_is_published_is_taken_by_one_stream(subject: str) -> None:
    assert len([name for name, pattern in stream_subjects() if takes(pattern, subject)]) == 1


@pytest.mark.parametrize(("stream", "pattern"), stream_subjects())
def test_what_a_stream_takes_is_published(stream: str, pattern: str) -> None:
    assert [subject for subject in published() if takes(pattern, subject)]


def test_work_has_one_durable_each_and_every_durable_has_work() -> None:
    filters = [str(one.filter_subject) for one in durables(registry())]
    owed = of_contracts() | jobs() | DONES
    queued = {one for one in owed if any(takes(pattern, one) for pattern in subjects.WORK_SUBJECTS)}

    # The lane of a provider stands there before its first job does.
    assert set(filters) - queued <= {subjects.jobs(name, lane) for name in PROVIDERS for lane in Lane}
    assert {subject: sum(takes(one, subject) for one in filters) for subject in queued} == dict.fromkeys(queued, 1)
    assert queued == owed - {one for one in owed if takes(subjects.GIVEN_UP, one)}


def test_what_is_heard_live_is_what_is_stored() -> None:
    [stream] = [one for one in streams(NatsSettings()) if one.name == subjects.RUN_EVENTS]
    assert stream.republish is not None

    for subject in EVENTS:
        assert takes(str(stream.republish.src), subject)
        assert takes(str(stream.republish.dest), subjects.republished(subject))
        assert subjects.stored(subjects.republished(subject)) == subject


def test_subjects_are_written_nowhere_else() -> None:
    literals = {
        f"{path.relative_to(folder)}:{node.lineno}: {node.value}"
        for folder in PRODUCTS
        for path in folder.rglob("*.py")
        if path.name != "subjects.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and LITERAL.match(node.value)
    }

    assert literals == set()
