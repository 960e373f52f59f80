"""A message on a lane that is no job does no harm, and none of its words is logged."""

from typing import Any, cast
from unittest.mock import AsyncMock, Mock

import orjson
import pytest
import structlog
from nats.aio.msg import Msg

from llm_runner.job_settlement import JobSettlement
from llm_runner.leased_jobs import LeasedJobs
from shared.logs import Logger
from shared.messaging.delivery_counts import DeliveryCounts
from shared.messaging.subscriptions import FastSubscription, settled_by

WORDS = "the words of somebody"
UNREADABLE = {
    "no UTF-8": b"\xff\xfe\x00",
    "nothing": b"",
    "deep": b"[" * 100_000,
    "words": orjson.dumps({"prompt": [{"role": WORDS, "content": WORDS}], "seq": WORDS, "purpose": WORDS}),
}


@pytest.mark.parametrize("payload", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_it_is_taken_off_its_queue_without_a_word(payload: bytes) -> None:
    message: Any = Mock(subject="llm.do.demo.batch", data=payload, term=AsyncMock())
    log = cast(Logger, structlog.get_logger("test"))
    settlement = JobSettlement(Mock(), Mock(), LeasedJobs(), 1.0, log)
    with structlog.testing.capture_logs() as logged:
        await FastSubscription([settled_by(settlement)], settlement.on_job, DeliveryCounts(0)).consume(
            cast(Msg, message)
        )
    message.term.assert_awaited_once()
    assert len(logged) == 1
    assert WORDS not in str(logged)
