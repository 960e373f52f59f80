"""A report that fails for good does not keep its run from ending, on real servers."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlparse

import pytest
import structlog

from shared.contracts import subjects
from shared.contracts.bounds import LARGEST_PAYLOAD_BYTES
from shared.contracts.enums import EndedReason, RunStatus
from shared.contracts.work import PromptMessage
from summarizer import looks
from summarizer.composition import compose
from summarizer.prompts import PROMPT_BYTES_AT_MOST, fitted
from support.workers.finished_run import FinishedRun
from unit.summarizer.played_runs import RUN

GOAL, LIMIT = EndedReason.GOAL, EndedReason.LIMIT
WORDS = "the words of somebody"


@pytest.fixture(autouse=True)
def unrendered_logs() -> Iterator[None]:
    """Tracebacks as structlog shows them to people take seconds of the event loop on a busy machine."""
    with structlog.testing.capture_logs():
        yield


async def test_report_our_code_fails_for_is_unavailable_and_its_run_ends(
    served: FinishedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def fails(material: Any, keep: Any, *rest: Any) -> Any:
        if keep.draft is not None:
            tries.append("compose")
            raise KeyError(WORDS)
        return compose(material, keep, *rest)

    monkeypatch.setattr(looks, "compose", fails)
    report = await served.reported(GOAL, LIMIT)
    assert (await served.run()).status is RunStatus.COMPLETE
    assert (report.status, report.reason) == ("unavailable", "failed")
    [letter] = await served.workers.broker.dead_letters()
    assert (letter["failure"]["code"], len(tries)) == ("internal", 2)
    assert WORDS not in str(letter)
    assert "test_given_up.py" in letter["traceback"]


@pytest.mark.parametrize("broken", ["compose", "read_conversations"])
async def test_run_whose_report_cannot_be_made_at_all_ends_without_one(
    served: FinishedRun, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fails(*_: Any) -> Any:
        raise KeyError(WORDS)

    monkeypatch.setattr(looks, broken, fails)
    await served.play([GOAL, LIMIT])
    await served.ask()
    assert (await served.ended()).status is RunStatus.COMPLETE
    assert await served.store.reports.get(RUN) is None


async def test_messages_of_nobody_do_no_harm(served: FinishedRun) -> None:
    unreadable = [b"\xff\xfe\x00" * 100, b"", b"null", b"[" * 100_000, b"\x01" * 1_000_000]
    for subject in (subjects.REPORTS, subjects.DONE_SUMMARIZER, subjects.MEMORY):
        for payload in unreadable:
            await served.client.jetstream().publish(subject, payload)
    await served.workers.broker.at_rest()
    assert len(await served.workers.broker.dead_letters()) == 3 * len(unreadable)
    await served.play([GOAL, LIMIT])
    await served.ask()
    assert (await served.ended()).status is RunStatus.COMPLETE


MALFORMED_HEADS = [
    b"\xff\xff\xff\xff\r\n\r\n",
    b"\r\n\r\n",
    b"NATS/1.0 503 \xff\xff\r\n\r\n",
    b"NATS/1.0\r\nAw-Run-Id: \xff\xfe\r\nAw-Type: \xff\r\n\r\n",
    b"NATS/1.0\r\nno colon\r\n: no name\r\n\r\n",
]


async def test_headers_nobody_can_read_leave_the_connection_reading(served: FinishedRun, fresh_nats_url: str) -> None:
    for head in MALFORMED_HEADS:
        await asyncio.to_thread(_publish_raw, fresh_nats_url, subjects.REPORTS, head)
    await served.workers.broker.at_rest()
    await served.play([GOAL, LIMIT])
    await served.ask()
    assert (await served.ended()).status is RunStatus.COMPLETE


def _publish_raw(url: str, subject: str, head: bytes) -> None:
    """No client writes such headers."""
    address = urlparse(url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        publish = b"HPUB %s %d %d\r\n%s{}\r\nPING\r\n" % (subject.encode(), len(head), len(head) + 2, head)
        connection.sendall(b'CONNECT {"verbose":false,"headers":true}\r\n' + publish)
        told = b""
        while b"PONG" not in told:
            told += connection.recv(4096)
            assert b"-ERR" not in told


PROMPTS = {
    "control characters": "\x01" * 400_000,
    "emoji": "\U0001f600" * 400_000,
    "quotes": '"' * 900_000,
    "mixed": "a" * 700_000 + "\x01" * 200_000,
}


@pytest.mark.parametrize("text", PROMPTS.values(), ids=PROMPTS.keys())
def test_prompt_is_cut_until_its_job_fits_the_broker(text: str) -> None:
    system = PromptMessage(role="system", content="Write a report.")
    messages = fitted((system, PromptMessage(role="user", content=text), PromptMessage(role="assistant", content=text)))
    assert messages[0] == system
    taken = sum(len(message.to_json()) for message in messages)
    assert PROMPT_BYTES_AT_MOST / 3 < taken < LARGEST_PAYLOAD_BYTES
    assert fitted(messages) == messages
